"""Facts about judging a run by its goals."""

import pytest
from msgspec.structs import replace

from inferswarm.exchange import Outcome
from inferswarm.goals.goodput import Goodput
from inferswarm.goals.judge import all_met, judge, judged
from inferswarm.goals.parse import parse_limit, parse_slo
from inferswarm.goals.results import GoalResult
from inferswarm.records import Record
from inferswarm.snapshot import Snapshot, take
from inferswarm.summary import Summary
from inferswarm.verdict import Client
from inferswarm.window import Zones, so_far
from tests.builders import MS, START_NS, S, failure, record


def run_of(records: list[Record], *slo: str, limit: str = "") -> Snapshot:
    """The snapshot of these records with goals, over all of the run."""
    summary = Summary()
    summary.add_all(records)
    goodput = Goodput(parse_limit(limit), Zones(0, 1 << 62)) if limit else None
    if goodput is not None:
        goodput.add_all(records)
    goals = [goal for text in slo for goal in parse_slo(text)]
    return judged(take(summary, Client()), goals, goodput, so_far(summary))


def ten() -> list[Record]:
    """Nine successes with TTFT 100, 200, ... 900 ms over 10 s, and a failure."""
    made = [
        record(
            k=k,
            due_ns=START_NS + k * S,
            sent_ns=START_NS + k * S,
            end_ns=START_NS + (k + 1) * S,
            chunk_ns=[100 * (k + 1) * MS, 950 * MS],
            output_tokens=2,
        )
        for k in range(9)
    ]
    at_ns = START_NS + 9 * S
    return [*made, failure(Outcome.CONNECT, due_ns=at_ns, sent_ns=at_ns, end_ns=at_ns + S)]


JUDGED = [
    ("ttft.mean<501ms", 500.0, True),
    ("ttft.mean<500ms", 500.0, False),
    ("ttft.mean<=500ms", 500.0, True),
    ("ttft.min<100ms", 100.0, False),
    ("ttft.max<=0.9s", 900.0, True),
    ("e2e_due.max<951ms", 950.0, True),
    ("error_rate<10%", 0.1, False),
    ("error_rate<=10%", 0.1, True),
    ("throughput.requests>=0.9/s", 0.9, True),
    ("throughput.output_tokens>1.8/s", 1.8, False),
    ("output_tokens.mean>=2", 2.0, True),
    ("goodput.share>=50%", 0.5, True),
    ("goodput.share>50%", 0.5, False),
    ("goodput.requests>0.4/s", 0.5, True),
    ("goodput.output_tokens>0.9/s", 1.0, True),
]


@pytest.mark.parametrize(("text", "value", "met"), JUDGED)
def test_a_goal_is_met_or_missed(text: str, value: float, met: object) -> None:
    """By the very numbers that are published."""
    (found,) = run_of(ten(), text, limit="ttft<=500ms").goals
    assert found.goal == text
    assert found.value == pytest.approx(value)
    assert found.met is met


@pytest.mark.parametrize(
    ("text", "margin"),
    [
        ("ttft.mean<1s", 0.5),
        ("ttft.mean<400ms", -0.25),
        ("throughput.requests>0.6/s", 0.5),
        ("error_rate<=0%", None),
    ],
)
def test_the_margin_is_the_room_left(text: str, margin: float | None) -> None:
    """As a share of the limit, whichever way the goal points; negative when missed."""
    (found,) = run_of(ten(), text).goals
    assert found.margin == (None if margin is None else pytest.approx(margin))


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([], "no request was sent"),
        ([failure()], "no request succeeded"),
        ([record(streamed=False)], "no successful request tells its ttft"),
    ],
)
def test_a_goal_without_a_value_is_missed_with_its_reason(records: list[Record], why: str) -> None:
    """What was not measured was not reached."""
    shot = run_of(records, "ttft.p95<3600s")
    (found,) = shot.goals
    assert (found.value, found.met, found.margin) == (None, False, None)
    assert found.note == f"no value: {why}"
    assert not all_met(shot)


def test_without_requests_shares_are_missed_and_rates_are_none() -> None:
    """Nothing is not success."""
    found = run_of(
        [], "error_rate<1%", "goodput.share>1%", "throughput.requests>0/s", limit="e2e<1s"
    )
    assert [goal.value for goal in found.goals] == [None, None, 0.0]
    assert not any(goal.met for goal in found.goals)


def test_without_goals_all_are_met() -> None:
    """And nothing is counted that nobody asked for."""
    shot = run_of(ten())
    assert (shot.goals, shot.goodput, all_met(shot)) == ([], None, True)


def test_doubts_about_a_percentile_are_told() -> None:
    """Too few values, and a limit that is closer than a percentile is known."""
    few, close = run_of(ten(), "ttft.p99<5s", "ttft.p50<500.5ms").goals
    assert few.note == "9 values are few for this percentile"
    assert close.met
    assert close.note.startswith("close: ")


def test_the_interval_of_a_percentile_is_told_when_it_holds_the_limit() -> None:
    """Then another run may come out on the other side."""
    shot = run_of(ten())
    stats = replace(shot.metrics["ttft"], ci95={"p50": (300.0, 800.0)}, too_few=[])
    shot = replace(shot, metrics=shot.metrics | {"ttft": stats})
    (inside,), (outside,) = parse_slo("ttft.p50<600ms"), parse_slo("ttft.p50<900ms")
    assert judge(inside, shot).note == "close: the 95 % interval, 300 to 800 ms, holds the limit"
    assert judge(outside, shot).note == ""


def test_the_preset_of_a_goal_is_kept() -> None:
    """So that a reader knows whose limits they are."""
    found = run_of(ten(), "mlperf:llama2-70b-server").goals
    assert [(goal.goal, goal.preset) for goal in found] == [
        ("ttft_due.p99<=2000ms", "mlperf:llama2-70b-server"),
        ("tpot.p99<=200ms", "mlperf:llama2-70b-server"),
    ]
    assert isinstance(found[0], GoalResult)
