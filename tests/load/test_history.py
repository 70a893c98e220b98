"""Facts about the points that live charts draw."""

import time
from itertools import pairwise

import msgspec

from inferswarm import snapshot
from inferswarm.load.history import FIRST_INTERVAL_MS, MOST_POINTS, History, point_of
from inferswarm.summary import Summary
from inferswarm.verdict import Client
from tests.builders import failure, record


def event(summary: Summary) -> dict[str, object]:
    """What a master says of a summary, as it is when its board hears it."""
    return {
        "users": 3,
        "in_flight": 2,
        "recent": snapshot.recent(summary, time.time_ns()),
        "latest": snapshot.latest(summary, time.time_ns()),
        "snapshot": msgspec.to_builtins(snapshot.take(summary, Client())),
    }


def test_a_point_holds_what_charts_need() -> None:
    """Rates, quantiles, and failures by kind; what was not measured is null."""
    summary = Summary()
    summary.add_all([record(k=0), failure(k=1)])
    point = point_of(5_000, event(summary))
    assert point["t"] == 5_000
    assert (point["users"], point["in_flight"]) == (3, 2)
    assert set(point) >= {"requests_per_s", "output_tokens_per_s", "failed_per_s", "latency"}
    assert len(point["send_lag"]) == 3
    assert sum(point["errors"].values()) == 1
    assert "ok" not in point["errors"]


def test_points_too_near_to_the_last_are_left_out() -> None:
    """Snapshots come more often than a chart needs them."""
    history, said = History(), event(Summary())
    for at_ms in (0, 500, FIRST_INTERVAL_MS, FIRST_INTERVAL_MS + 500):
        history.add(at_ms, said)
    assert [point["t"] for point in history.points] == [0, FIRST_INTERVAL_MS]
    assert [point["t"] for point in history.after(0)] == [FIRST_INTERVAL_MS]


def test_a_long_run_keeps_a_bounded_number_of_points() -> None:
    """They reach from its begin to its end, evenly."""
    history, said = History(), event(Summary())
    for second in range(5 * MOST_POINTS):
        history.add(second * 1_000, said)
    times = [point["t"] for point in history.points]
    assert MOST_POINTS // 4 < len(times) < MOST_POINTS
    assert times[0] == 0
    assert times[-1] > 4_900 * MOST_POINTS
    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) <= 3 * min(gaps)
