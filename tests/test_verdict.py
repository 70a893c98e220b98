"""Facts about the verdict: one test for each reason, and one where none applies."""

import pytest

from inferswarm.demand import Demand
from inferswarm.histogram import Histogram
from inferswarm.summary import Summary
from inferswarm.verdict import Client, judge, of_arrivals, of_sample
from tests.builders import MS, START_NS, failure, record


def good(**changed: int) -> Summary:
    """A summary of a hundred healthy requests."""
    summary = Summary()
    for k in range(100):
        summary.add(record(**{"k": k, "reads": 3, **changed}))
    return summary


def lagging(lag_ns: int) -> Histogram:
    """A hundred lags, two of them as long as said."""
    histogram = Histogram()
    histogram.add(MS, 98)
    histogram.add(lag_ns, 2)
    return histogram


def only_reason(summary: Summary, client: Client, *, complete: bool = True) -> str:
    """The one reason of a run that has exactly one."""
    verdict = judge(summary, client, complete=complete)
    assert not verdict.valid
    assert len(verdict.reasons) == 1
    return verdict.reasons[0]


def test_a_healthy_run_is_valid() -> None:
    """Without a reason against it a run is VALID, also at the very limits."""
    edge = Client(cpu_share_max=0.9, loop_lag=lagging(19 * MS))
    summary = good(merged_reads=0, sent_ns=START_NS + 9 * MS)
    summary.merged_reads = summary.reads // 10
    assert judge(summary, edge).valid
    assert judge(summary, edge).reasons == []


def test_no_success_is_a_reason() -> None:
    """Numbers of nothing are no result."""
    summary = Summary()
    summary.add(failure(sent_ns=START_NS))
    assert "no request succeeded" in only_reason(summary, Client())


def test_an_incomplete_run_is_a_reason() -> None:
    """What a killed run left behind may lack records."""
    assert "did not end in order" in only_reason(good(), Client(), complete=False)


def test_lost_workers_are_a_reason() -> None:
    """The reason names them."""
    reason = only_reason(good(), Client(lost_workers=["w1", "w3"]))
    assert "w1, w3" in reason


def test_unwritten_records_are_a_reason() -> None:
    """The reason says how many."""
    assert "7 records" in only_reason(good(), Client(unwritten_records=7))


def test_a_worker_at_its_core_is_a_reason() -> None:
    """The reason says how busy it was, the limit, and what to do."""
    reason = only_reason(good(), Client(cpu_share_max=0.97))
    assert "97%" in reason
    assert "90%" in reason
    assert "add workers" in reason


def test_send_lag_is_a_reason() -> None:
    """Requests that left late were not the load that was asked for."""
    reason = only_reason(good(sent_ns=START_NS + 25 * MS), Client())
    assert "connections already open, was 25.0 ms" in reason
    assert "add workers" in reason


def test_loop_lag_beside_kernel_times_is_a_warning() -> None:
    """Arrival times stay true then; what suffers is how soon a user asks again."""
    verdict = judge(good(), Client(clock="kernel", loop_lag=lagging(60 * MS)))
    assert (verdict.valid, verdict.reasons) == (True, [])
    assert "users asked again late" in verdict.warnings[0]


def test_loop_lag_is_a_reason() -> None:
    """A client that was late to read may have late arrival times."""
    reason = only_reason(good(), Client(loop_lag=lagging(60 * MS)))
    assert "p99 loop lag" in reason
    assert "more than 20 ms" in reason


def test_merged_reads_are_a_reason() -> None:
    """Gaps inside a merged read are bounds and no measurements."""
    reason = only_reason(good(merged_reads=1), Client())
    assert "33% of reads" in reason


def test_all_reasons_are_told_together() -> None:
    """One reason does not hide the others."""
    client = Client(
        lost_workers=["w1"], unwritten_records=1, cpu_share_max=1, loop_lag=lagging(60 * MS)
    )
    summary = good(merged_reads=3, sent_ns=START_NS + 25 * MS)
    assert len(judge(summary, client, complete=False).reasons) == 7


@pytest.mark.parametrize(
    ("due", "late", "said"),
    [
        (100, 0, ""),
        (100, 1, ""),
        (101, 0, ""),
        (101, 1, "only 99 of 101 arrivals (98.0%"),
        (200, 0, "0 left more than 10 ms late, 100 never"),
        (100, 2, "2 left more than 10 ms late, 0 never"),
        (99, 0, ""),
        (0, 0, ""),
    ],
)
def test_a_schedule_must_be_sent_in_time(due: int, late: int, said: str) -> None:
    """99 in 100 arrivals must leave, and leave in time; the lag is then told of once, not twice."""
    summary = Summary()
    for k in range(100):
        summary.add(record(k=k, sent_ns=START_NS + (50 if k < late else 1) * MS))
    reasons = judge(summary, Client(), demand=Demand(due=due)).reasons
    assert len(reasons) == bool(said)
    assert said in "".join(reasons)


@pytest.mark.parametrize(
    ("short", "long", "said"),
    [
        (0, 0, []),
        (2, 2, []),
        (3, 0, ["shorter than the 90 tokens"]),
        (0, 3, ["longer than the 100 tokens"]),
        (200, 3, ["100% of 200 answers were shorter", "2% of 200 answers were longer"]),
    ],
)
def test_answers_of_another_length_are_a_warning(short: int, long: int, said: list[str]) -> None:
    """Beyond one in a hundred; the numbers are true, but of other work."""
    demand = Demand(least=90, shortest=100, longest=100, counted=200, short=short, long=long)
    verdict = judge(good(), Client(), demand=demand)
    assert (verdict.valid, len(verdict.warnings)) == (True, len(said))
    assert all(part in whole for part, whole in zip(said, verdict.warnings, strict=True))


def test_lengths_of_their_own_are_told_as_a_range() -> None:
    """Where each answer was asked its own length, no one number can stand for them."""
    demand = Demand(exact=True, shortest=10, longest=2_000, counted=9, short=9)
    (said,) = judge(good(), Client(), demand=demand).warnings
    assert "shorter than the 10 to 2,000 tokens" in said


@pytest.mark.parametrize(
    ("count", "missing"),
    [(0, ""), (1, "p50, p90, p95, p99"), (40, "p95, p99"), (367, "p99"), (368, "")],
)
def test_too_few_requests_for_a_percentile_are_a_warning(count: int, missing: str) -> None:
    """It names the percentiles, and how many requests they need."""
    said = of_sample(count)
    assert len(said) == bool(missing)
    assert f"to rely on {missing} (" in "".join(said) or not missing


def test_a_client_takes_in_what_others_say() -> None:
    """The worst of the shares, the sum of what is counted, and the newest of the names."""
    client = Client(workers=2, recorder="thread", clock="kernel", cpu_share_max=0.5)
    client.merge(Client(cpu_share_max=0.2, memory_max_bytes=9, parse_backlog_max=4))
    client.merge(
        Client(clock="own", unwritten_records=2, parse_turns_forced=3, parse_backlog_max=1)
    )
    client.merge(Client(unwritten_records=1, parse_turns_forced=1, loop_lag=lagging(5 * MS)))
    assert (client.workers, client.recorder, client.clock) == (2, "thread", "own")
    assert (client.cpu_share_max, client.memory_max_bytes) == (0.5, 9)
    assert (client.parse_backlog_max, client.parse_turns_forced) == (4, 4)
    assert (client.unwritten_records, client.loop_lag.count) == (3, 100)


def test_further_turns_are_no_arrivals_of_a_schedule() -> None:
    """Neither do they stand in for one that was not sent, nor does their lag count as its."""
    summary = Summary()
    summary.add_all([record(k=k, turns=2) for k in range(98)])
    late = [
        record(k=k, turn=1, turns=2, sent_ns=START_NS + 20 * MS, due_ns=START_NS) for k in range(98)
    ]
    summary.add_all(late)

    assert of_arrivals(summary, 98) == []
    assert "2 never" in of_arrivals(summary, 100)[0]
    assert " 0 left more" in of_arrivals(summary, 100)[0]
