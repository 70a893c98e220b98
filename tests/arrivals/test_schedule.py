"""Facts about when arrivals are due by rate, process and stages."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferswarm.arrivals import Arrival, Arrivals, upto
from inferswarm.arrivals.build import build_arrivals
from inferswarm.config.arrivals import ArrivalOptions
from tests.arrivals.distributions import distance, limit
from tests.arrivals.walking import share
from tests.builders import FUZZ, MS, S


def schedule(**options: object) -> Arrivals:
    """The schedule of an open loop with these options."""
    built = build_arrivals(ArrivalOptions.model_validate(options))
    assert built is not None
    return built


@pytest.mark.parametrize(
    ("options", "k", "due_ns", "why"),
    [
        ({"rate": "10/s"}, 0, 0, "the first of evenly spaced arrivals comes at once"),
        ({"rate": "10/s"}, 7, 700 * MS, "then one every tenth of a second"),
        ({"rate": "0.1/s"}, 3, 30 * S, "the lowest rate"),
        ({"rate": "10000/s"}, 360_000_001, 36_000 * S + 100_000, "the highest, ten hours on"),
        ({"rate": "3/s"}, 1, 333_333_333, "rounded to the nearest nanosecond"),
        ({"rate": "3/s"}, 3_000_000_000, 10**9 * S, "and roundings do not add up"),
        ({"stages": "10/s 1s, 20/s 1s"}, 9, 900 * MS, "the last of the first stage"),
        (
            {"stages": "10/s 1s, 20/s 1s"},
            10,
            S,
            "a step: the next stage's first is due at its start",
        ),
        ({"stages": "10/s 1s, 20/s 1s"}, 11, 1_050 * MS, "then at its own rate"),
        ({"stages": "10/s 1s, 20/s 1s"}, 29, 1_950 * MS, "the last of all"),
        ({"stages": "10/s 1s, 20/s 1s"}, 30, None, "at the end of the stages nothing is due"),
        ({"stages": "10/s 1s, pause 5s, 10/s 1s"}, 10, 6 * S, "nothing is due in a pause"),
        ({"stages": "10/s 1s, pause 5s"}, 10, None, "nor after one at the end"),
        ({"stages": "2/s 5s, spike 200/s 1s, 2/s 5s"}, 110, 5_500 * MS, "half way through a spike"),
        ({"stages": "0..10/s 10s"}, 8, 4 * S, "a ramp from nothing brings t^2 / 2"),
        ({"stages": "0..10/s 10s"}, 49, 9_899_494_937, "sqrt(98) s"),
        ({"stages": "10..0/s 10s"}, 42, 6 * S, "a ramp to nothing brings 10 t - t^2 / 2"),
        ({"stages": "10..30/s 10s"}, 75, 5 * S, "a ramp brings its mean rate"),
        ({"stages": "100/min 3m"}, 299, 179_400 * MS, "a rate that no float holds"),
        ({"stages": "100/min 3m"}, 300, None, "ends exactly where it should"),
        ({"stages": "sine 50/s±20/s every 30s 2m"}, 1_500, 30 * S, "a period brings its mean"),
        ({"stages": "sine 50/s±20/s every 30s 2m"}, 6_000, None, "and the stage no more than it"),
    ],
)
def test_evenly_spaced_arrivals(
    options: dict[str, str], k: int, due_ns: int | None, why: str
) -> None:
    """Arrival k is due exactly then; the row says why."""
    assert schedule(process="constant", **options).due(k) == due_ns, why


@pytest.mark.parametrize(
    ("options", "dues_ns"),
    [
        ({"rate": "10000/s"}, [13130, 88715, 228381, 14112889, 14357296, 1645162809]),
        ({"rate": "10000/s", "seed": 1}, [87069, 91961, 352782, 13935622, 13958343, 1637593668]),
        (
            {"rate": "1/s", "process": "gamma:0.5"},
            [109315092, 1438731320, 1552093889, 101036503682, 101585201714, 16450294205786],
        ),
        (
            {"rate": "1/s", "process": "gamma:4", "seed": -3},
            [1141279485, 1673494128, 2124445761, 121699593302, 124715015441, 16377168295209],
        ),
        (
            {"stages": "1..9/s 1h"},
            [131284923, 886281926, 2278045273, 124034839881, 125947619467, 3424140586578],
        ),
        (
            {"stages": "sine 50/s±20/s every 30s 2h", "seed": 9},
            [10470083, 19525019, 26452655, 2039996050, 2055188370, 325071115956],
        ),
    ],
)
def test_seeded_schedules_are_pinned(options: dict[str, object], dues_ns: list[int]) -> None:
    """The same options and seed are the same schedule on every platform, in every version."""
    pinned = schedule(**options)
    assert [pinned.due(k) for k in (0, 1, 2, 127, 128, 16_384)] == dues_ns


@pytest.mark.parametrize("rate", [0.1, 10_000])
def test_poisson_arrivals_have_exponential_gaps(rate: float) -> None:
    """Kolmogorov-Smirnov over gaps in nanoseconds, at the lowest and the highest rate."""
    arrivals = schedule(rate=rate)
    dues = [arrival.due_ns for arrival, _ in zip(share(arrivals), range(20_000), strict=False)]
    gaps = [(after - before) * rate / S for before, after in pairwise([0, *dues])]
    assert distance(gaps, lambda x: 1 - math.exp(-x)) < limit(len(gaps))


def test_the_pattern_is_that_of_the_seed_at_any_rate() -> None:
    """Twice the rate is the same load twice as fast, so runs at several rates can be compared."""
    slow, fast = schedule(rate="10/s"), schedule(rate="20/s")
    for k in range(1_000):
        assert slow.due(k) == pytest.approx(2 * (fast.due(k) or 0), abs=2)


def test_poisson_arrivals_follow_the_stages() -> None:
    """Each stage gets its number within four standard deviations."""
    arrivals = schedule(stages="20/s 100s, pause 10s, 20..60/s 100s, sine 40/s±40/s every 10s 100s")
    bounds_s, expected = (0, 100, 110, 210, 310), (2_000, 0, 4_000, 4_000)
    numbers = [upto(arrivals, bound * S) for bound in bounds_s]
    for (before, after), wanted in zip(pairwise(numbers), expected, strict=True):
        assert after - before == pytest.approx(wanted, abs=4 * math.sqrt(wanted))
    assert arrivals.due(numbers[-1]) is None


OPTIONS = [
    {"rate": "200/s"},
    {"rate": "200/s", "process": "constant"},
    {"rate": "200/s", "process": "gamma:0.2"},
    {"stages": "50..200/s 2s, pause 1s, spike 1000/s 1s"},
    {"stages": "sine 200/s±150/s every 1s 5s", "process": "gamma:3"},
]


@settings(FUZZ, max_examples=40)
@given(st.sampled_from(OPTIONS), st.integers(1, 16), st.integers(-5, 5))
def test_any_split_is_the_same_load(options: dict[str, object], streams: int, seed: int) -> None:
    """Streams j of S, each played by a worker of its own, make exactly the whole schedule."""
    until = 600
    alone = schedule(seed=seed, **options)
    whole = [alone.at(k) for k in range(until)]
    split: list[Arrival | None] = [None] * until
    for stream in range(streams):
        for arrival in share(schedule(seed=seed, **options), stream, streams):
            if arrival.k >= until:
                break
            split[arrival.k] = arrival
    assert split == whole


@pytest.mark.parametrize("options", OPTIONS)
def test_arrivals_never_go_backwards(options: dict[str, object]) -> None:
    """Due times of following numbers never fall, and none is past the end."""
    arrivals = schedule(**options)
    dues = [arrival.due_ns for arrival, _ in zip(share(arrivals), range(20_000), strict=False)]
    assert dues == sorted(dues)
    assert dues[0] >= 0
    assert arrivals.ends_ns is None or dues[-1] <= arrivals.ends_ns


def test_a_schedule_says_when_it_ends() -> None:
    """The sum of its stages; a steady rate has no end."""
    assert schedule(stages="10/s 1m, pause 30s").ends_ns == 90 * S
    assert schedule(rate="10/s").ends_ns is None


def test_an_arrival_by_rule_has_no_lengths() -> None:
    """Number and time only; none after the last."""
    arrivals = schedule(stages="10/s 1s", process="constant")
    assert arrivals.at(3) == Arrival(3, 300 * MS, None, None)
    assert arrivals.at(10) is None
