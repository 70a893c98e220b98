"""Facts about `inferswarm prompts synthetic`."""

from pathlib import Path

import msgspec
import pytest

from inferswarm.cli.main import main
from inferswarm.config.prompts import PromptOptions
from inferswarm.prompts import Prompt
from inferswarm.sources.read import load_prompts
from inferswarm.tokenizer import load_tokenizer
from tests.sources.trained import saved


def written(path: Path) -> list[Prompt]:
    """The prompts of a .jsonl file."""
    return [msgspec.json.decode(line, type=Prompt) for line in path.read_bytes().splitlines()]


def synthetic(*arguments: str | Path) -> int:
    """The exit code of the command."""
    return main(["prompts", "synthetic", *map(str, arguments)])


def test_a_file_of_prompts_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the lengths asked for, groups that begin alike, and what a run needs to use it."""
    name, path = saved("byte-level BPE", tmp_path), tmp_path / "p.jsonl"
    code = synthetic(
        *("--count", "20", "--input-tokens", "uniform:40..60", "--output-tokens", "9"),
        *("--prefix-tokens", "32", "--prefix-groups", "2", "--tokenizer", name, "--to", path),
    )
    prompts = written(path)
    counts = load_tokenizer(name).count([one.text for one in prompts])

    assert code == 0
    assert len(prompts) == 20
    assert [one.input_tokens for one in prompts] == counts
    assert all(40 <= count <= 60 for count in counts)
    assert {one.output_tokens for one in prompts} == {9}
    assert [one.group for one in prompts[:3]] == ["0", "1", "0"]
    assert "20 prompts written to" in capsys.readouterr().out
    read = load_prompts(PromptOptions(source=str(path)))
    assert [one.text for one in read.prompts] == [one.text for one in prompts]


def test_text_holds_prompts_and_nothing_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One a line; lengths of answers, groups and ids need JSON lines."""
    path = tmp_path / "p.txt"
    assert synthetic("--count", "5", "--input-tokens", "7", "--to", path) == 0
    assert [len(line.split()) for line in path.read_text().splitlines()] == [7] * 5
    assert "lengths in tokens are others" in capsys.readouterr().out
    assert synthetic("--count", "5", "--output-tokens", "7", "--to", tmp_path / "q.txt") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--count", "0"], "--count must be 1 to 10,000,000, not 0"),
        (["--count", "1", "--input-tokens", "x:1"], "prompts.input_tokens 'x:1'"),
        (["--count", "1", "--prefix-groups", "0"], "--prefix-groups: "),
        (["--count", "1", "--token-ids"], "needs prompts.tokenizer"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Nothing is written then."""
    assert synthetic(*arguments, "--to", tmp_path / "p.jsonl") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "p.jsonl").exists()
