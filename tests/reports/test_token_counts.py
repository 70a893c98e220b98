"""Facts about what is said of where token counts come from."""

from itertools import cycle

import pytest
from msgspec.structs import replace

from inferswarm.records import Record
from inferswarm.reports import token_counts
from inferswarm.snapshot import Snapshot
from inferswarm.summary import Summary

from . import sample_run


def shot_of(records: list[Record]) -> Snapshot:
    """Their published numbers."""
    return sample_run.snapshot_of(sample_run.summary_of(records))


def counted(count: int, *sources: str) -> list[Record]:
    """Successes whose output was counted by these sources in turn."""
    named = zip(sample_run.successes(count), cycle(sources), strict=False)
    return [replace(record, output_source=source) for record, source in named]


def packed(count: int, tokens: int) -> list[Record]:
    """Successes with so many tokens in each chunk, as the server counted them."""
    return [
        replace(one, output_tokens=len(one.chunk_ns) * tokens)
        for one in sample_run.successes(count)
    ]


@pytest.mark.parametrize(
    ("sources", "text"),
    [
        ({}, "no tokens counted"),
        ({"chunks": 0}, "no tokens counted"),
        ({"chunks": 9}, "counted by chunks"),
        ({"chunks": 10, "server_usage": 90}, "counted by server_usage 90.0%, chunks 10.0%"),
    ],
)
def test_counted_by(sources: dict[str, int], text: str) -> None:
    """Sources are named by their share of the tokens."""
    assert token_counts.counted_by(sources) == text


def test_sources_are_ranked_and_add_up() -> None:
    """The best source comes first, an unknown one last; together they counted every token."""
    shot = shot_of(counted(8, "chunks", "abacus", "token_ids", "server_meta"))
    made = token_counts.sources(shot.tokens)
    names = ["server_usage", "server_meta", "token_ids", "chunks", "abacus"]
    assert [one.name for one in made] == names
    assert sum(one.output for one in made) == shot.tokens.output
    assert (made[0].output, made[0].input) == (0, shot.tokens.input)
    assert sum(one.output_share or 0 for one in made) == pytest.approx(1)
    assert all(one.sentence for one in made)


def test_a_run_without_tokens_has_no_source() -> None:
    """Nothing was counted, so nothing is named; nor is a share made up."""
    assert token_counts.sources(shot_of([]).tokens) == []
    uncounted = token_counts.sources(shot_of(sample_run.uncounted(3)).tokens)
    assert [one.input_share for one in uncounted] == [None]


def test_a_run_counted_by_the_server_needs_no_caution() -> None:
    """Where the server counted everything and packs nothing, there is nothing to add."""
    assert token_counts.cautions(shot_of(sample_run.successes(3))) == []
    assert token_counts.cautions(sample_run.snapshot_of(Summary())) == []


def test_counting_by_chunks_is_said() -> None:
    """A number that may be too low says so, and for how much of the whole."""
    (every,) = token_counts.cautions(shot_of(counted(3, "chunks")))
    assert every.startswith("All output tokens are only counted by chunks")
    (some,) = token_counts.cautions(shot_of(counted(4, "chunks", "server_usage")))
    assert " of " in some.partition(" output tokens")[0]


def test_missing_input_counts_are_said() -> None:
    """Input tokens per second are too low where some prompts have no count."""
    records = [*sample_run.uncounted(2), *sample_run.successes(3)]
    (said,) = token_counts.cautions(shot_of(records))
    assert "2 of 5 successful requests" in said


@pytest.mark.parametrize(("tokens", "cautions"), [(1, 0), (4, 1)])
def test_packed_chunks_are_said(tokens: int, cautions: int) -> None:
    """ITL is shared only where chunks carry several tokens."""
    said = token_counts.cautions(shot_of(packed(3, tokens)))
    assert len(said) == cautions
    assert all("carried 4.00 tokens" in one and "ITL shares" in one for one in said)


def test_an_end_token_alone_is_no_packing() -> None:
    """Servers count the end of the answer too, which no chunk carries."""
    ended = [replace(one, output_tokens=one.output_tokens + 1) for one in sample_run.successes(3)]
    assert token_counts.cautions(shot_of(ended)) == []
