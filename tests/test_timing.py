"""Facts about the durations of one request: a table of records made by hand."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm import timing
from inferswarm.exchange import Outcome
from inferswarm.records import Record
from tests.builders import FUZZ, MS, failure, record

LAG = 1 * MS


@dataclass(frozen=True)
class Row:
    """A record, and what must follow from it in milliseconds (None: the record does not tell)."""

    sentence: str
    given: Record
    ttft: int | None
    ttfo: int | None
    tpot: float | None
    e2e: int | None
    ntpot: float | None
    gaps: list[tuple[float, int]] = field(default_factory=list)


ROWS = [
    Row(
        "One token a chunk is the plain case.",
        record(),
        200, 200, 100, 400, 400 / 3, [(100, 1), (100, 1)],
    ),
    Row(
        "A chunk of n tokens shares its gap among them.",
        record(chunk_ns=[100 * MS, 160 * MS, 260 * MS], chunk_tokens=[1, 3, 5], output_tokens=9),
        100, 100, 20, 260, 260 / 9, [(20, 3), (20, 5)],
    ),
    Row(
        "A usage total above the number of chunks is spread over them evenly.",
        record(chunk_ns=[100 * MS, 200 * MS], output_tokens=4),
        100, 100, 100 / 3, 200, 50, [(50, 2)],
    ),
    Row(
        "A usage total below the number of chunks leaves chunks that count for nothing.",
        record(chunk_ns=[100 * MS, 200 * MS, 300 * MS, 400 * MS], output_tokens=2),
        100, 100, 300, 400, 200, [(100, 1), (200, 1)],
    ),
    Row(
        "A chunk without tokens adds its gap to the next one's.",
        record(chunk_ns=[100 * MS, 150 * MS, 300 * MS], chunk_tokens=[1, 0, 2], output_tokens=3),
        100, 100, 100, 300, 100, [(100, 2)],
    ),
    Row(
        "A single token has a TTFT and no TPOT.",
        record(chunk_ns=[250 * MS], output_tokens=1),
        250, 250, None, 250, 250,
    ),
    Row(
        "A single chunk of several tokens has a TPOT of nothing and no gap.",
        record(chunk_ns=[250 * MS], output_tokens=5),
        250, 250, 0, 250, 50,
    ),
    Row(
        "An answer that was not streamed has neither TTFT nor TPOT nor gaps.",
        record(streamed=False, chunk_ns=[400 * MS], output_tokens=8),
        None, None, None, 400, 50,
    ),
    Row(
        "After reasoning the first token of the answer comes later than the first token.",
        record(reasoning_chunks=2),
        200, 400, 100, 400, 400 / 3, [(100, 1), (100, 1)],
    ),
    Row(
        "An answer that is all reasoning never has a first token of the answer.",
        record(reasoning_chunks=3),
        200, None, 100, 400, 400 / 3, [(100, 1), (100, 1)],
    ),
    Row(
        "A request without a chunk tells nothing.",
        failure(Outcome.TIMEOUT_FIRST_BYTE),
        None, None, None, None, None,
    ),
]  # fmt: skip


def ns(milliseconds: float | None) -> int | None:
    """Whole nanoseconds, rounded down as integer division does."""
    return None if milliseconds is None else int(milliseconds * MS)


def pairs_of(*records: Record) -> list[tuple[int, int]]:
    """(time for each token, tokens) of every gap."""
    gaps, tokens = timing.gaps_ns(records)
    return list(zip(gaps, tokens or [1] * len(gaps), strict=True))


@FUZZ
@given(st.permutations([row.given for row in ROWS]))
def test_gaps_of_many_records_are_those_of_each(records: list[Record]) -> None:
    """Weighted and unweighted streams may come in any order."""
    assert pairs_of(*records) == [pair for one in records for pair in pairs_of(one)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_durations_of_records_made_by_hand(row: Row) -> None:
    """Each row of the table holds."""
    given = row.given
    assert timing.ttft_ns(given) == ns(row.ttft)
    assert timing.ttfo_ns(given) == ns(row.ttfo)
    assert timing.tpot_ns(given) == ns(row.tpot)
    assert timing.e2e_ns(given) == ns(row.e2e)
    assert timing.ntpot_ns(given) == ns(row.ntpot)
    assert pairs_of(given) == [(ns(gap), tokens) for gap, tokens in row.gaps]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_due_variants_add_the_send_lag(row: Row) -> None:
    """Counted from due, a latency is longer by what delayed the sending, never hidden."""
    given = row.given
    assert timing.send_lag_ns(given) == LAG
    assert timing.ttft_due_ns(given) == (None if row.ttft is None else row.ttft * MS + LAG)
    assert timing.e2e_due_ns(given) == (None if row.e2e is None else row.e2e * MS + LAG)


def test_what_was_never_sent_has_no_send_lag() -> None:
    """Without a byte sent, the start is the due instant itself."""
    assert timing.send_lag_ns(failure(Outcome.CONNECT, sent_ns=0)) == 0


@FUZZ
@given(st.integers(0, 50), st.integers(0, 200))
def test_weights_always_sum_to_the_output_tokens(chunks: int, tokens: int) -> None:
    """Spreading a total over chunks neither loses nor invents a token."""
    weights = timing.chunk_weights(record(chunk_ns=[MS] * chunks, output_tokens=tokens))
    assert len(weights) == chunks
    assert sum(weights) == (tokens if chunks else 0)
    assert all(weight >= 0 for weight in weights)


@FUZZ
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 6)), min_size=1, max_size=40),
    st.integers(0, 10**9),
)
def test_the_weighted_mean_of_itl_is_tpot(gaps: list[tuple[int, int]], first_ns: int) -> None:
    """When the first chunk has one token and the last any, both divide the same time equally."""
    gaps[-1] = (gaps[-1][0], gaps[-1][1] + 1)
    chunk_ns, tokens = [first_ns], [1]
    for gap, carried in gaps:
        chunk_ns.append(chunk_ns[-1] + gap * 1_000)
        tokens.append(carried)
    told = record(chunk_ns=chunk_ns, chunk_tokens=tokens, output_tokens=sum(tokens))
    pairs = pairs_of(told)
    assert sum(weight for _, weight in pairs) == sum(tokens) - 1
    mean = sum(value * weight for value, weight in pairs) / (sum(tokens) - 1)
    tpot = timing.tpot_ns(told)
    assert tpot is not None
    assert abs(mean - tpot) <= 1
