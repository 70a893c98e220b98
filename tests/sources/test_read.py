"""Facts about the prompts of a run."""

from pathlib import Path
from typing import Any

import pytest

from inferswarm.config.prompts import PromptOptions
from inferswarm.errors import InputError
from inferswarm.prompts import Prompt
from inferswarm.sources.built_in import PROMPTS
from inferswarm.sources.read import LoadedPrompts, load_prompts
from tests.sources.files import written
from tests.tokenizer.making import WORDS, word_tokenizer

LINES = "".join(" ".join(WORDS[:count]) + "\n" for count in range(1, 31)).encode()
"""Thirty prompts, of one to thirty words."""


def load(**options: Any) -> LoadedPrompts:
    """The prompts of a run with these options."""
    return load_prompts(PromptOptions.model_validate(options))


@pytest.fixture
def tokenizer(tmp_path: Path) -> str:
    """A tokenizer to which each of WORDS is one token."""
    return str(word_tokenizer(tmp_path / "tokenizer.json"))


def test_without_a_source_there_are_built_in_prompts() -> None:
    """Different ones, each a sentence; there is nothing to say of them."""
    loaded = load()
    assert loaded.prompts == [Prompt(text, index) for index, text in enumerate(PROMPTS)]
    assert len(set(PROMPTS)) == len(PROMPTS) > 1
    assert loaded.notes == ()


def test_without_a_tokenizer_lengths_are_not_checked_and_a_note_says_so(tmp_path: Path) -> None:
    """All prompts may be used; the note names the limits that do not hold, and the remedy."""
    source = written(tmp_path, "x.txt", LINES)
    loaded = load(source=source, max_tokens=10)
    assert len(loaded.prompts) == 30
    assert {one.input_tokens for one in loaded.prompts} == {None}
    read, unchecked = loaded.notes
    assert read == f"prompts {source}: 30 read; 30 used"
    assert "no tokenizer is given, so their lengths were not checked" in unchecked
    assert "4 to 10 tokens" in unchecked
    assert "--tokenizer" in unchecked


def test_a_tokenizer_filters_by_length(tmp_path: Path, tokenizer: str) -> None:
    """Both limits are included, and the note counts what was left out."""
    source = written(tmp_path, "x.txt", LINES)
    loaded = load(source=source, tokenizer=tokenizer, min_tokens=4, max_tokens=10)
    assert [one.input_tokens for one in loaded.prompts] == [4, 5, 6, 7, 8, 9, 10]
    left_out = "3 shorter than 4 tokens and 20 longer than 10 tokens left out"
    assert loaded.notes == (f"prompts {source}: 30 read, {left_out}; 7 used",)


def test_a_sample_is_named_with_its_seed(tmp_path: Path, tokenizer: str) -> None:
    """As many as asked for, of those that fit."""
    source = written(tmp_path, "x.txt", LINES)
    loaded = load(source=source, tokenizer=tokenizer, max_prompts=5, seed=3)
    lengths = [one.input_tokens or 0 for one in loaded.prompts]
    assert (len(lengths), sorted(lengths)) == (5, lengths)
    assert min(lengths) >= 4
    assert loaded.notes[0].endswith("3 shorter than 4 tokens left out; 5 used, sampled by seed 3")


def test_built_in_prompts_are_filtered_too(tokenizer: str) -> None:
    """When somebody asks for it; else nothing is said of them."""
    assert "not checked" in load(max_tokens=20).notes[0]
    with pytest.raises(InputError, match="prompts: none of 8 prompts fits: 8 longer than 20"):
        load(max_tokens=20, tokenizer=tokenizer)


def test_no_fitting_prompt_is_refused_with_counts(tmp_path: Path, tokenizer: str) -> None:
    """And with the options to change."""
    source = written(tmp_path, "x.txt", LINES)
    with pytest.raises(InputError) as refused:
        load(source=source, tokenizer=tokenizer, min_tokens=31, max_tokens=40)
    assert str(refused.value) == (
        f"prompts {source}: none of 30 prompts fits: 30 shorter than 31 tokens; "
        "set --max-prompt-tokens or prompts.min_tokens so that some do"
    )


def test_bad_rows_are_noted(tmp_path: Path) -> None:
    """They are left out, and the first are named."""
    source = written(tmp_path, "x.jsonl", b'{"say": "one"}\nnope\n{"says": "two"}\n')
    loaded = load(source=source, column="say")
    assert [one.text for one in loaded.prompts] == ["one"]
    assert loaded.notes[1].startswith(
        f"prompts {source}: 2 rows without a prompt left out: line 2: "
    )
    assert "line 3: no column `say`; it has says; did you mean says?" in loaded.notes[1]


@pytest.mark.parametrize("content", [b"", b"\n \n\t\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_prompt_is_refused(tmp_path: Path, content: bytes) -> None:
    """There would be nothing to ask."""
    with pytest.raises(InputError, match="no prompt in it; write one prompt a line"):
        load(source=written(tmp_path, "x.txt", content))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("x.jsonl", "one JSON object a line"),
        ("x.json", "one array of JSON objects"),
        ("x.csv", "a table whose first line names its columns"),
        ("x.tsv", "a table like that of CSV, separated by tabs"),
    ],
)
def test_an_empty_file_is_told_what_its_format_holds(tmp_path: Path, name: str, form: str) -> None:
    """Also when it is packed."""
    with pytest.raises(InputError, match=f"no prompt in it; write {form}$"):
        load(source=written(tmp_path, name, b""))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """The refusal names what was given."""
    for source in (str(tmp_path / "none"), str(tmp_path)):
        with pytest.raises(InputError, match=f"prompts {source}: .*one prompt a line"):
            load(source=source)


def test_progress_is_told_in_bytes_of_the_file(tmp_path: Path) -> None:
    """So that a bar knows the end; also of a compressed file."""
    told: list[tuple[str, int, int]] = []
    source = written(tmp_path, "x.txt", LINES * 1_000)
    load_prompts(PromptOptions(source=source), lambda *one: told.append(one))
    assert told[-1] == ("reading prompts: 30,000", len(LINES) * 1_000, len(LINES) * 1_000)
    assert sorted(done for _, done, _ in told) == [done for _, done, _ in told]
