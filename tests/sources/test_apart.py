"""Facts about reading prompts in a process of its own."""

from pathlib import Path
from typing import Any

import pytest

from inferswarm.config.prompts import PromptOptions
from inferswarm.errors import InferswarmError
from inferswarm.sources.apart import is_plain, load_apart, load_prompts_anywhere
from inferswarm.sources.read import load_prompts
from tests.sources.files import written


def options(**given: Any) -> PromptOptions:
    """Options of a run's prompts."""
    return PromptOptions.model_validate(given)


@pytest.mark.parametrize("given", [{}, {"source": "x.txt"}, {"source": "x.jsonl.gz"}])
def test_local_text_is_read_here(given: dict[str, str]) -> None:
    """It needs no library that a patched process must not use."""
    assert is_plain(options(**given))


@pytest.mark.parametrize(
    "given",
    [
        {"source": "x.parquet"},
        {"source": "gs://bucket/x.txt"},
        {"source": "https://host/x.txt"},
        {"source": "hf:org/data"},
        {"source": "x.txt", "tokenizer": "org/model"},
        {"tokenizer": "org/model"},
    ],
)
def test_all_else_is_read_in_a_process_of_its_own(given: dict[str, str]) -> None:
    """Buckets, the web, datasets, Parquet and tokenizers."""
    assert not is_plain(options(**given))


def test_the_process_gives_the_same_prompts_and_notes(tmp_path: Path) -> None:
    """With all that is known of them."""
    rows = b"".join(b'{"prompt": "say %d", "ids": [1, %d]}\n' % (n, n) for n in range(500))
    given = options(
        source=written(tmp_path, "x.jsonl", rows), max_prompts=100, seed=5, min_tokens=0
    )
    apart = load_apart(given)
    assert apart == load_prompts(given)
    assert apart == load_prompts_anywhere(given)
    assert len(apart.prompts) == 100


def test_an_error_there_is_the_same_error_here(tmp_path: Path) -> None:
    """Its sentence and its exit code."""
    with pytest.raises(InferswarmError, match=r"none\.txt.*one prompt a line") as raised:
        load_apart(options(source=str(tmp_path / "none.txt")))
    assert raised.value.exit_code == 2
