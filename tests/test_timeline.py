"""Facts about the timeline: buckets, concurrency, and memory."""

from collections import Counter

import pytest
from hypothesis import given

from inferswarm.exchange import Outcome
from inferswarm.records import Record
from inferswarm.scales import NS_PER_S
from inferswarm.timeline import LIMIT, Timeline
from inferswarm.timing import chunk_weights
from tests.builders import FUZZ, MS, START_NS, S, failure, record
from tests.many_records import runs


def of(records: list[Record]) -> Timeline:
    """The timeline of these records."""
    timeline = Timeline()
    timeline.add_all(records)
    return timeline


def lasting(start_s: float, end_s: float) -> Record:
    """A failed request in flight between these seconds of the run."""
    sent_ns = START_NS + int(start_s * S)
    return failure(due_ns=sent_ns, sent_ns=sent_ns, end_ns=START_NS + int(end_s * S))


@FUZZ
@given(runs())
def test_concurrency_equals_a_walk_over_every_request(records: list[Record]) -> None:
    """Each bucket's mean number in flight is the overlap of all requests with it, divided by it."""
    timeline = of(records)
    width_ns = timeline.width_s * NS_PER_S
    for index, level in list(timeline.concurrency())[:2_000]:
        opens, closes = index * width_ns, (index + 1) * width_ns
        overlap = sum(max(0, min(closes, r.end_ns) - max(opens, r.start_ns)) for r in records)
        assert level == pytest.approx(overlap / width_ns, abs=1e-9)


@FUZZ
@given(runs())
def test_tokens_and_counts_of_buckets_sum_to_the_run(records: list[Record]) -> None:
    """Nothing is lost or counted twice among the buckets."""
    buckets = of(records).buckets.values()
    good = [one for one in records if one.ok]
    assert sum(b.output_tokens for b in buckets) == sum(one.output_tokens for one in good)
    assert sum(b.input_tokens for b in buckets) == sum(one.input_tokens or 0 for one in good)
    assert sum(b.started for b in buckets) == sum(b.ended for b in buckets) == len(records)
    assert sum(b.succeeded for b in buckets) == len(good)


@FUZZ
@given(runs())
def test_buckets_never_exceed_their_limit(records: list[Record]) -> None:
    """From first to last there are at most LIMIT buckets, and no wider ones than that needs."""
    timeline = of(records)
    assert len(timeline.span()) <= LIMIT
    assert set(timeline.buckets) <= set(timeline.span())
    if timeline.width_s > 1:
        half_ns = timeline.width_s // 2 * NS_PER_S
        first = min(one.start_ns for one in records) // half_ns
        last = max(max(one.start_ns, one.end_ns) for one in records) // half_ns
        assert last - first >= LIMIT


@FUZZ
@given(runs())
def test_tokens_lie_in_the_buckets_in_which_they_came(records: list[Record]) -> None:
    """Where chunks tell their tokens, each bucket has exactly those that arrived in it."""
    told = [one for one in records if one.ok and one.chunk_tokens]
    timeline = of(told)
    came: Counter[int] = Counter()
    for one in told:
        for at, tokens in zip(one.chunk_ns, chunk_weights(one), strict=True):
            came[(one.sent_ns + at) // (timeline.width_s * NS_PER_S)] += tokens
    assert {i: b.output_tokens for i, b in timeline.buckets.items() if b.output_tokens} == +came


def test_concurrency_by_hand() -> None:
    """One request over one and a half seconds and one over the second half of the first."""
    levels = [level for _, level in of([lasting(0, 1.5), lasting(0.5, 1)]).concurrency()]
    assert levels == [1.5, 0.5]


def test_seconds_without_an_event_still_have_their_concurrency() -> None:
    """A long request is in flight in the buckets between its start and its end."""
    levels = [level for _, level in of([lasting(0, 4)]).concurrency()]
    assert levels == [1, 1, 1, 1, 0]


def test_latency_belongs_to_the_bucket_of_the_end() -> None:
    """A request that began in one second and ended in the next is slow in the next."""
    timeline = of([record(sent_ns=START_NS + 900 * MS, end_ns=START_NS + 1_300 * MS)])
    first, last = (timeline.buckets[i] for i in timeline.span())
    assert "ttft" not in first.latency
    assert last.latency["ttft"].count == 1
    assert (first.started, first.ended, last.started, last.ended) == (1, 0, 0, 1)


def test_an_end_before_its_start_counts_as_no_time() -> None:
    """Damaged instants cannot make a negative concurrency."""
    backwards = failure(Outcome.CONNECT, due_ns=START_NS + S, sent_ns=0, end_ns=START_NS)
    assert [level for _, level in of([backwards]).concurrency()] == [0]


def test_an_empty_timeline_has_no_bucket() -> None:
    """A run without a record has no span and no concurrency."""
    assert list(Timeline().span()) == []
    assert list(Timeline().concurrency()) == []


def test_widening_joins_neighbours() -> None:
    """A timeline widened by hand equals one that had the wider buckets from the start."""
    records = [lasting(0, 2.5), lasting(1.25, 3), lasting(3.5, 3.75)]
    widened, wide = of(records), Timeline(width_s=4)
    widened.widen(4)
    wide.add_all(records)
    assert widened == wide
