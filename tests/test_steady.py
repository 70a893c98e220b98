"""Facts about finding the steady state of a run."""

from random import Random

import pytest

from inferswarm.records import Record
from inferswarm.steady import LEAST_BUCKETS, cut, find, truncation
from inferswarm.timeline import Timeline
from inferswarm.window import Span
from tests.builders import MS, START_NS, S, record


def noisy(seed: int, count: int, mean: float = 100, spread: float = 5) -> list[tuple[int, float]]:
    """Independent values around a mean."""
    draw = Random(seed)
    return [(i + 1, draw.gauss(mean, spread)) for i in range(count)]


def closed_loop(users: int, ramp_s: float, load_s: float, slow_s: float = 0) -> list[Record]:
    """Users that start one after another; answers sent in the first `slow_s` take five times as long."""
    records = []
    for user in range(users):
        at_ns = START_NS + round(user * ramp_s / users * S)
        while at_ns < START_NS + load_s * S:
            times = 5 if at_ns < START_NS + slow_s * S else 1
            chunks = [times * 100 * MS + i * 20 * MS for i in range(20)]
            records.append(
                record(
                    due_ns=at_ns,
                    sent_ns=at_ns,
                    end_ns=at_ns + chunks[-1],
                    chunk_ns=chunks,
                    output_tokens=20,
                )
            )
            at_ns += chunks[-1] + MS
    return records


def found_s(records: list[Record], load_s: float) -> float | None:
    """When their run became steady, in seconds."""
    timeline = Timeline()
    timeline.add_all(records)
    begin_ns = find(timeline, Span(START_NS, START_NS + round(load_s * S))).begin_ns
    return None if begin_ns is None else (begin_ns - START_NS) / S


@pytest.mark.parametrize("ramp_s", [4, 10, 25])
def test_a_ramp_up_is_left_out(ramp_s: float) -> None:
    """What is found lies at the end of the ramp, give or take the buckets that are averaged."""
    found = found_s(closed_loop(50, ramp_s, 120), 120)
    assert found is not None
    assert ramp_s - 1 <= found <= ramp_s + 12


def test_a_cold_start_is_left_out() -> None:
    """All users at once, but the first answers are slow."""
    found = found_s(closed_loop(20, 0, 60, slow_s=6), 60)
    assert found is not None
    assert 5 <= found <= 12


def test_a_run_that_was_steady_from_the_start_keeps_it() -> None:
    """Nothing is left out where nothing changes."""
    assert found_s(closed_loop(10, 0, 60), 60) == 0


def test_a_short_run_has_no_steady_state_to_find() -> None:
    """The reason says how short."""
    timeline = Timeline()
    timeline.add_all(closed_loop(5, 1, 10))
    found = find(timeline, Span(START_NS, START_NS + 10 * S))
    assert found.begin_ns is None
    assert f"fewer than {LEAST_BUCKETS}" in found.why_not


def test_nothing_has_no_steady_state() -> None:
    """An empty timeline is a short one."""
    assert find(Timeline(), Span(0, 0)).begin_ns is None


def test_a_run_that_still_grows_has_none() -> None:
    """A ramp over the whole run never becomes steady."""
    timeline = Timeline()
    timeline.add_all(closed_loop(80, 60, 60))
    found = find(timeline, Span(START_NS, START_NS + 60 * S))
    assert found.begin_ns is None
    assert "still changed" in found.why_not


def test_the_drain_is_not_looked_at() -> None:
    """Concurrency falls after the load; that is no change of the load."""
    records = closed_loop(20, 2, 60)
    timeline = Timeline()
    timeline.add_all(records)
    end_ns = START_NS + 40 * S
    timeline_found = find(timeline, Span(START_NS, end_ns))
    assert timeline_found.begin_ns is not None
    assert timeline_found.begin_ns <= START_NS + 8 * S


@pytest.mark.parametrize("count", [20, 60, 300])
def test_noise_is_seldom_taken_for_a_warmup(count: int) -> None:
    """In less than a tenth of runs of nothing but noise something is left out."""
    wrong = sum(bool(cut(noisy(seed, count))) for seed in range(200))
    assert wrong < 20


def test_a_change_of_a_few_percent_is_no_warmup() -> None:
    """Leaving it out would change no number that anybody reads."""
    assert cut([(i + 1, 97.0 if i < 10 else 100.0) for i in range(60)]) == 0
    assert cut([(i + 1, 80.0 if i < 10 else 100.0) for i in range(60)]) == 13


def test_truncation_by_hand() -> None:
    """Two values of another kind before eight equal ones."""
    assert truncation([9, 7, 5, 5, 5, 5, 5, 5, 5, 5]) == 2
    assert truncation([5.0] * 10) == 0
    assert truncation([]) == 0
