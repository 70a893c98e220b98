"""Facts about the one clock."""

import time

from inferswarm import clock


def test_now_is_unix_time() -> None:
    """A reading lies between two readings of the wall clock, give or take a second of stepping."""
    before = time.time_ns()
    now = clock.now_ns()
    after = time.time_ns()
    assert before - 1_000_000_000 <= now <= after + 1_000_000_000


def test_now_runs_with_the_monotonic_clock() -> None:
    """Less the anchor, a reading lies between two monotonic readings around it."""
    before = time.monotonic_ns()
    now = clock.now_ns() - clock.ANCHOR_NS
    assert before <= now <= time.monotonic_ns()


def test_readings_never_go_back() -> None:
    """A thousand readings in a row ascend."""
    readings = [clock.now_ns() for _ in range(1_000)]
    assert readings == sorted(readings)
