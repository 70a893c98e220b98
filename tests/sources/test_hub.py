"""Facts about datasets of the hub, read from folders on this machine."""

import json
from pathlib import Path

import pytest

from inferswarm.errors import InputError
from inferswarm.sources.hub import Dataset
from inferswarm.sources.opening import opened
from inferswarm.sources.prompt_rows import prompts_of
from inferswarm.sources.tally import Tally


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hugging"))


@pytest.mark.parametrize(
    ("text", "dataset"),
    [
        ("hf:org/data", Dataset("org/data", "", "train")),
        ("hf:org/data:test", Dataset("org/data", "", "test")),
        ("hf:org/data:english", Dataset("org/data", "english", "train")),
        ("hf:org/data:english:test", Dataset("org/data", "english", "test")),
        ("hf:org/data::sft", Dataset("org/data", "", "sft")),
        ("hf:", None),
    ],
)
def test_a_name_may_have_configuration_and_split(text: str, dataset: Dataset | None) -> None:
    """A single addition is a split where it is called as splits are; else it is a configuration."""
    if dataset is None:
        with pytest.raises(InputError, match="write hf:name"):
            Dataset.parse(text)
    else:
        assert Dataset.parse(text) == dataset


def test_slices_are_refused() -> None:
    """They cannot be streamed; what does the same is named."""
    with pytest.raises(InputError, match="--max-prompts"):
        Dataset.parse("hf:org/data:train[:1000]")


def test_rows_are_streamed(tmp_path: Path) -> None:
    """A column of the split asked for, in order."""
    for split, count in (("train", 300), ("test", 7)):
        lines = [json.dumps({"id": n, "say": f"{split} {n}"}) for n in range(count)]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines))
    tally = Tally("x")
    with opened(f"hf:{tmp_path}:test", tally) as source:
        texts = [one.text for one in prompts_of(source.rows, "say", tally)]
    assert texts == [f"test {n}" for n in range(7)]
    with opened(f"hf:{tmp_path}", tally) as source:
        assert sum(1 for _ in source.rows) == 300


def test_a_dataset_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what to check."""
    with opened(f"hf:{tmp_path}/none", Tally("x")) as source, pytest.raises(InputError) as refused:
        next(source.rows)
    assert f"hf:{tmp_path}/none: " in str(refused.value)
    assert "check name, configuration and split" in str(refused.value)
