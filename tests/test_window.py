"""Facts about the window: what is measured, and what is left out."""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.config.warmup import Warmup
from inferswarm.records import Record
from inferswarm.summary import Summary
from inferswarm.timing import chunk_weights
from inferswarm.window import Measured, Scan, Span, Work, Zones, begin, measured, scan_for, so_far
from tests.builders import FUZZ, MS, START_NS, S, failure, record
from tests.many_records import runs


def scan(records: Iterable[Record], keep: int = 0) -> Scan:
    """The scan of these records."""
    made = Scan(keep=keep)
    for one in records:
        made.add(one)
    return made


def counted(records: Iterable[Record], span: Span) -> Zones:
    """The work of these records by this window."""
    zones = Zones(span.begin_ns, span.end_ns)
    for one in records:
        zones.add(one)
    return zones


def lasting(start_s: float, end_s: float, tokens: int = 10) -> Record:
    """A success in flight between these seconds, with a token at each tenth of it."""
    span_ns = round((end_s - start_s) * S)
    return record(
        due_ns=START_NS + round(start_s * S),
        sent_ns=START_NS + round(start_s * S),
        end_ns=START_NS + round(start_s * S) + span_ns,
        chunk_ns=[span_ns * i // tokens for i in range(1, tokens + 1)],
        output_tokens=tokens,
    )


def users(count: int, answers: int, each_s: float = 1.0) -> list[Record]:
    """A closed loop: each user asks one answer after another."""
    return [
        lasting(i * each_s, (i + 1) * each_s - 0.001) for _ in range(count) for i in range(answers)
    ]


def result(records: list[Record], warmup: str = "", begin_s: float = 0.0) -> Measured:
    """Measured from their own load, begun so many seconds after the first was sent."""
    load = scan(records).load()
    span = Span(load.begin_ns + round(begin_s * S), load.end_ns)
    run = Span(load.begin_ns, max(one.end_ns for one in records))
    return measured(counted(records, span), run, warmup)


def brute(records: list[Record], span: Span) -> Work:
    """The work within a window, token by token and request by request."""
    work = Work()
    for one in records:
        start_ns, end_ns = one.start_ns, max(one.start_ns, one.end_ns)
        work.busy_ns += max(0, min(end_ns, span.end_ns) - max(start_ns, span.begin_ns))
        ended = span.begin_ns <= end_ns <= span.end_ns
        work.ended += ended
        if one.ok:
            work.succeeded += ended
            came = zip(one.chunk_ns, chunk_weights(one), strict=True)
            within = [w for at, w in came if span.begin_ns <= one.sent_ns + at <= span.end_ns]
            work.output_tokens += sum(within)
            first_ns = one.sent_ns + one.chunk_ns[0]
            if span.begin_ns <= first_ns <= span.end_ns:
                work.input_tokens += one.input_tokens or 0
    return work


@FUZZ
@given(runs(), st.randoms(use_true_random=False))
def test_work_in_the_window_equals_brute_force(records: list[Record], chance: Random) -> None:
    """For any window, whatever is cut by its borders."""
    instants = sorted(
        chance.choices([one.start_ns + d for one in records for d in (0, S)] or [0], k=2)
    )
    span = Span(*instants)
    assert counted(records, span).load == brute(records, span)


@FUZZ
@given(runs(), st.randoms(use_true_random=False))
def test_the_zones_add_up_to_the_run(records: list[Record], chance: Random) -> None:
    """Nothing is lost at a border or counted on both sides of it."""
    instants = sorted(chance.choices([one.start_ns for one in records] or [0], k=2))
    zones = counted(records, Span(*instants))
    whole = Work()
    for part in (zones.warmup, zones.load, zones.drain):
        whole.join(part)
    good = [one for one in records if one.ok]
    assert (whole.ended, whole.succeeded) == (len(records), len(good))
    assert whole.output_tokens == sum(one.output_tokens for one in good)
    assert whole.input_tokens == sum(one.input_tokens or 0 for one in good)
    assert whole.busy_ns == sum(max(0, one.end_ns - one.start_ns) for one in records)


@FUZZ
@given(runs(), st.integers(0, 5), st.randoms(use_true_random=False))
def test_any_split_merges_to_the_same(records: list[Record], keep: int, chance: Random) -> None:
    """Parts in any order give the same window and the same work in it."""
    parts: list[list[Record]] = [[] for _ in range(chance.randint(1, 5))]
    for one in records:
        chance.choice(parts).append(one)
    whole, merged = scan(records, keep), Scan(keep=keep)
    for part in parts:
        merged.merge(scan(part, keep))
    assert merged.load() == whole.load()
    assert sorted(merged.earliest) == sorted(whole.earliest)
    zones, together = counted(records, whole.load()), counted([], whole.load())
    for part in parts:
        together.merge(counted(part, whole.load()))
    assert together == zones


def test_counts_of_different_windows_do_not_merge() -> None:
    """They would mean nothing together."""
    with pytest.raises(ValueError, match="different windows"):
        Zones(0, 1).merge(Zones(0, 2))


def test_a_straggler_changes_no_rate() -> None:
    """One answer that takes a minute longer than the load is kept apart."""
    usual = users(8, 20)
    straggler = lasting(18, 100)
    without, with_one = result(usual), result([*usual, straggler])
    assert without.span == with_one.span
    assert with_one.work.succeeded == without.work.succeeded == 8 * 19
    assert with_one.window.requests_ended_in_drain == without.window.requests_ended_in_drain + 1
    assert with_one.window.run_s == 100


def test_answers_in_flight_when_the_load_ends_count_by_their_tokens() -> None:
    """What came until then counts, what came later does not, and the request counts as not ended."""
    found = result([lasting(0, 1), lasting(1, 2), lasting(1.55, 9), lasting(2, 3)])
    assert found.span.seconds == 2
    assert found.work.succeeded == 2
    assert found.work.output_tokens == 20
    assert found.work.busy_ns == 2 * S + 450 * MS


def test_a_load_shorter_than_its_answers_keeps_its_drain() -> None:
    """All at once: nothing ends while the load is on, so there is no such time to measure."""
    found = result([lasting(0, 3), lasting(0.1, 3), lasting(0.2, 4)])
    assert (found.window.method, found.span.seconds) == ("run", 4)
    assert (found.work.succeeded, found.work.output_tokens) == (3, 30)
    assert found.window.requests_ended_in_drain == found.window.output_tokens_in_drain == 0


def test_a_hung_server_is_not_hidden_by_the_end_of_the_load() -> None:
    """Told when the load was ended, the time in which nobody could send counts."""
    records = [*users(2, 5), failure(sent_ns=START_NS + 5 * S, end_ns=START_NS + 90 * S)]
    assert scan(records).load().seconds == 5
    assert scan(records).load(START_NS + 60 * S).seconds == 60
    assert scan(records).load(START_NS + 600 * S).seconds == 90
    assert scan(records).load(START_NS + 2 * S).seconds == 5


def test_a_warmup_leaves_out_what_was_sent_in_it() -> None:
    """Latencies by when a request was sent, rates by what was done."""
    found = result(users(2, 10), "3s", begin_s=2.5)
    assert found.window.requests_sent_in_warmup == 6
    assert found.window.requests_ended_in_warmup == 4
    assert (found.window.begin_s, found.window.end_s) == (2.5, 9)
    assert found.work.succeeded == 14
    assert found.window.warmup == "3s"


@pytest.mark.parametrize(
    ("warmup", "steady_s", "begin_s"),
    [
        (Warmup(), None, 0),
        (Warmup(duration_ns=2 * S), None, 2),
        (Warmup(duration_ns=9 * S), None, 9),
        (Warmup(duration_ns=9 * S + 1), None, None),
        (Warmup(requests=1), None, 0),
        (Warmup(requests=5), None, 2),
        (Warmup(requests=19), None, 9),
        (Warmup(requests=20), None, None),
        (Warmup(auto=True), 4, 4),
        (Warmup(auto=True), None, 0),
    ],
)
def test_where_each_kind_of_warmup_ends(
    warmup: Warmup, steady_s: int | None, begin_s: int | None
) -> None:
    """Two users with ten answers each, sent every second; None when nothing is left."""
    made = scan_for(warmup)
    for one in users(2, 10):
        made.add(one)
    found = begin(warmup, made, None if steady_s is None else START_NS + steady_s * S)
    assert found == (None if begin_s is None else START_NS + begin_s * S)


def test_a_scan_holds_no_more_than_it_was_told_to() -> None:
    """The earliest starts are kept, however many records there are, in whatever order."""
    made = scan(reversed(users(4, 50)), keep=3)
    assert len(made.earliest) == 3
    assert made.start_after(2) == START_NS
    assert made.start_after(3) is None


@FUZZ
@given(runs())
def test_a_summary_alone_is_measured_as_a_whole(records: list[Record]) -> None:
    """What a live view shows is what the records come to from first sent to last end."""
    summary = Summary()
    summary.add_all(records)
    found = so_far(summary)
    assert found.window.method == "run"
    assert found.work.succeeded == summary.succeeded
    busy_ns = sum(max(0, one.end_ns - one.start_ns) for one in records)
    assert found.work.busy_ns == pytest.approx(busy_ns, abs=len(records) + 1_000)
    assert found.span.seconds == summary.span_ns / S
