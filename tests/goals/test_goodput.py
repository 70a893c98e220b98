"""Facts about goodput, held against a count by brute force."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.goals.goodput import Goodput
from inferswarm.goals.parse import parse_limit
from inferswarm.goals.values import Limit
from inferswarm.records import Record
from inferswarm.summary import Summary
from inferswarm.timing import e2e_ns, ttft_ns
from inferswarm.window import Measured, Span, Window, Zones, so_far
from tests.builders import FUZZ, MS, START_NS, S, failure, record

LONG_NS = 1 << 62


def limits(*texts: str) -> tuple[Limit, ...]:
    """Limits as they are written."""
    return tuple(limit for text in texts for limit in parse_limit(text))


def counted(records: list[Record], *texts: str, begin_ns: int = 0) -> Goodput:
    """Goodput of these records over one long window."""
    made = Goodput(limits(*texts), Zones(begin_ns, LONG_NS))
    made.add_all(records)
    return made


def whole(records: list[Record]) -> Measured:
    """The window that is all of a run."""
    summary = Summary()
    summary.add_all(records)
    return so_far(summary)


@st.composite
def some_records(draw: st.DrawFn) -> list[Record]:
    """Requests of many kinds: failed, not streamed, of one token, slow, fast."""
    made = []
    for k in range(draw(st.integers(0, 12))):
        gaps = draw(st.lists(st.integers(1, 300), min_size=1, max_size=4))
        chunks = [sum(gaps[: i + 1]) * MS for i in range(len(gaps))]
        sent_ns = START_NS + draw(st.integers(0, 3_000)) * MS
        one = record(
            k=k,
            due_ns=sent_ns - draw(st.integers(0, 20)) * MS,
            sent_ns=sent_ns,
            end_ns=sent_ns + chunks[-1],
            streamed=draw(st.booleans()),
            chunk_ns=chunks,
            output_tokens=len(chunks),
        )
        made.append(one if draw(st.booleans()) else failure(k=k, sent_ns=sent_ns))
    return made


def good_by_hand(one: Record) -> bool:
    """The definition in other words: TTFT below 200 ms, TPOT up to 100 ms, E2E below 0.5 s."""
    if not one.ok or not one.streamed:
        return False
    first, last, tokens = one.chunk_ns[0], one.chunk_ns[-1], one.output_tokens
    in_time = first < 200 * MS and last < 500 * MS
    return in_time and (tokens == 1 or (last - first) // (tokens - 1) <= 100 * MS)


ASKED = ("ttft<200ms", "tpot<=100ms", "e2e<0.5s")


@FUZZ
@given(some_records())
def test_counts_are_those_of_the_definition(records: list[Record]) -> None:
    """Requests, tokens and share of all attempted, for any records."""
    good = [one for one in records if good_by_hand(one)]
    measured = whole(records)
    stats = counted(records, *ASKED).stats(measured)
    seconds = measured.span.seconds

    assert (stats.attempted, stats.good) == (len(records), len(good))
    assert stats.share == (len(good) / len(records) if records else None)
    assert stats.requests_per_s == (len(good) / seconds if seconds else 0)
    tokens = sum(one.output_tokens for one in good)
    assert stats.output_tokens_per_s == (tokens / seconds if seconds else 0)
    slow = [one for one in records if one.ok and (e2e_ns(one) or 0) >= 500 * MS]
    assert stats.missed["e2e<0.5s"] == len(slow)
    plain = [one for one in records if one.ok and ttft_ns(one) is None]
    assert stats.untold.get("ttft<200ms", 0) == len(plain)


@FUZZ
@given(some_records(), st.data())
def test_any_split_merges_to_the_whole(records: list[Record], data: st.DataObject) -> None:
    """Parts of a run, merged in any grouping and sent as bytes on the way, equal all of it."""
    sides = [data.draw(st.integers(0, 2)) for _ in records]
    parts = [
        counted([one for one, side in zip(records, sides, strict=True) if side == part], *ASKED)
        for part in range(3)
    ]
    first, *others = [
        msgspec.msgpack.decode(msgspec.msgpack.encode(part), type=Goodput) for part in parts
    ]
    for other in others:
        first.merge(other)
    assert first == counted(records, *ASKED)


def test_different_limits_do_not_merge() -> None:
    """Nor do different windows: the sum would be of nothing."""
    one = counted([], "ttft<1s")
    with pytest.raises(ValueError, match="different limits"):
        one.merge(counted([], "ttft<2s"))
    with pytest.raises(ValueError, match="different windows"):
        one.merge(counted([], "ttft<1s", begin_ns=5))


def test_an_answer_of_one_token_is_within_any_tpot() -> None:
    """Nobody waited for a second one."""
    alone = record(chunk_ns=[100 * MS], output_tokens=1)
    assert counted([alone], "tpot<1ms").good == 1


def test_what_a_record_does_not_tell_is_not_good() -> None:
    """An answer that was not streamed has no TTFT; that is counted apart."""
    plain = record(streamed=False, chunk_ns=[100 * MS])
    made = counted([plain], "ttft<1s", "e2e<1s")
    assert (made.good, made.missed, made.untold) == (0, {"ttft<1s": 1}, {"ttft<1s": 1})


def test_limits_from_due_count_what_the_client_added() -> None:
    """A request that left late is judged by what its user waited."""
    late = record(due_ns=START_NS, sent_ns=START_NS + S, end_ns=START_NS + 2 * S)
    assert counted([late], "ttft<500ms").good == 1
    assert counted([late], "ttft_due<500ms").good == 0
    assert counted([late], "e2e_due<1s").good == 0


@pytest.mark.parametrize(("text", "good"), [("ttft<200ms", 0), ("ttft<=200ms", 1)])
def test_the_limit_itself_is_within_only_if_it_says_so(text: str, good: int) -> None:
    """Compared in whole nanoseconds."""
    assert counted([record()], text).good == good


def test_warm_up_and_drain_are_left_out() -> None:
    """The share is of requests sent in the window, the rates are of what ended in it."""
    records = [
        record(
            k=k, due_ns=START_NS + k * S, sent_ns=START_NS + k * S, end_ns=START_NS + (k + 1) * S
        )
        for k in range(4)
    ]
    made = Goodput(limits("e2e<1s"), Zones(START_NS + S, START_NS + 3 * S))
    made.add_all(records)
    span = Span(START_NS + S, START_NS + 3 * S)
    loaded = made.stats(Measured(Window(method="load"), span, made.zones.load))
    drained = made.stats(Measured(Window(method="run"), span, made.zones.load))

    assert (loaded.attempted, loaded.good) == (3, 3)
    assert loaded.requests_per_s == 3 / 2  # of those that ended 1, 2 and 3 s after the start
    assert drained.requests_per_s == 4 / 2
