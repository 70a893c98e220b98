"""Facts about counting answers from their records."""

from pathlib import Path

import pytest

from inferswarm.config.prompts import PromptOptions
from inferswarm.config.tree import OutputOptions, RunConfig
from inferswarm.reading import ANSWER_LIMIT
from inferswarm.tokenizer import load_tokenizer
from inferswarm.tokenizer.answers import AnswerCounter, counting
from tests.builders import failure, record
from tests.tokenizer.making import word_tokenizer

CHUNKED = {"output_tokens": 3, "output_source": "chunks"}


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A tokenizer of known words."""
    return str(word_tokenizer(tmp_path / "tokenizer.json"))


def test_only_what_no_server_told_is_counted(path: str) -> None:
    """In the order of the records; the others' counts stay, and no words stay."""
    records = [
        record(answer="bal bal dem xyz", **CHUNKED),
        record(answer="bal"),
        record(),
        record(answer="dem", **CHUNKED),
        record(**CHUNKED),
    ]
    found = AnswerCounter(load_tokenizer(path), keep=False)(records)

    assert [(one.output_tokens, one.output_source) for one in found] == [
        (6, "tokenizer"),
        (3, "server_usage"),
        (3, "server_usage"),
        (1, "tokenizer"),
        (3, "chunks"),
    ]
    assert not any(one.answer for one in found)
    assert found[2] is records[2]


def test_answers_that_are_to_be_kept_stay(path: str) -> None:
    """Counted or not."""
    records = [record(answer="bal bal", **CHUNKED), record(answer="dem")]
    found = AnswerCounter(load_tokenizer(path), keep=True)(records)

    assert [one.answer for one in found] == ["bal bal", "dem"]
    assert [one.output_tokens for one in found] == [2, 3]


def test_what_came_of_a_failed_answer_is_counted_too(path: str) -> None:
    """As its chunks were; one without words stays as it is."""
    cut = record(outcome="truncated", answer="bal bal", **CHUNKED)
    nothing = failure()
    found = AnswerCounter(load_tokenizer(path), keep=False)([cut, nothing])

    assert found[0].output_tokens == 2
    assert found[1] == nothing


def test_an_answer_that_was_cut_for_its_size_is_not_counted(path: str) -> None:
    """Its chunks are nearer to the truth than the tokens of a part."""
    long = record(answer="a" * ANSWER_LIMIT, **CHUNKED)
    (found,) = AnswerCounter(load_tokenizer(path), keep=False)([long])

    assert (found.output_tokens, found.output_source, found.answer) == (3, "chunks", "")


def test_a_run_counts_with_its_tokenizer_alone(path: str) -> None:
    """In a process beside it; without one there is nothing to count with."""
    with counting(RunConfig()) as counted:
        assert counted is None
    config = RunConfig(
        prompts=PromptOptions(tokenizer=path), output=OutputOptions(keep_answers=True)
    )
    with counting(config) as counted:
        assert counted is not None
        (found,) = counted([record(answer="bal bal", **CHUNKED)])
    assert (found.output_tokens, found.answer) == (2, "bal bal")
