"""Facts about rates that change, and the time they take to bring a number of arrivals."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.arrivals.rates import Line, Wave, profile_of, steady
from inferswarm.config.arrivals import Ramp, Sine, Stage, parse_stages
from tests.builders import FUZZ, S

MIXED = profile_of(
    parse_stages(
        "10..50/s 10s, pause 3s, 50/s 4s, 50..0/s 7s, sine 9/s±9/s every 7s 33s, 0..3/s 11s"
    )
)


@pytest.mark.parametrize(
    ("stages", "units", "time_s", "why"),
    [
        ("10/s 30s", 0, 0, "nothing takes no time"),
        ("10/s 30s", 150, 15, "half of the arrivals take half of the time"),
        ("100/min 3m", 5, 3, "a rate that no float holds is exact"),
        ("0..10/s 10s", 12.5, 5, "half way up a ramp a quarter has come"),
        ("10..0/s 10s", 37.5, 5, "half way down three quarters have come"),
        ("10..30/s 10s", 75, 5, "10 * 5 + 2 * 25 / 2"),
        ("10/s 1s, 20/s 1s", 20, 1.5, "the second stage starts with what the first brought"),
        ("10/s 1s, pause 5s, 10/s 1s", 10, 6, "what is due in a pause is due at its end"),
        ("10/s 1s, pause 5s, 10/s 1s", 9.5, 0.95, "a pause moves nothing before it"),
        ("sine 50/s±20/s every 30s 2m", 1_500, 30, "a period brings its mean"),
        ("sine 50/s±20/s every 30s 2m", 4_500, 90, "so do three"),
        ("5/s 10s, sine 50/s±20/s every 30s 2m", 1_550, 40, "a sine starts where its stage does"),
    ],
)
def test_when_units_have_come(stages: str, units: float, time_s: float, why: str) -> None:
    """Exact to the nanosecond where a closed form is; the row says why."""
    assert profile_of(parse_stages(stages)).time_of(units) == round(time_s * S), why


@pytest.mark.parametrize(
    ("stages", "units"),
    [
        ("10/s 30s", 300), ("100/min 3m", 300), ("0..10/s 10s", 50), ("10/s 1s, pause 9s", 10),
        ("sine 50/s±20/s every 30s 2m", 6_000), ("sine 1/s±1/s every 7s 70s", 70),
    ],
)  # fmt: skip
def test_stages_bring_exactly_what_they_say(stages: str, units: int) -> None:
    """No rounding adds or takes an arrival at the end."""
    assert profile_of(parse_stages(stages)).units == units


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.77, 1.0, 1.4])
def test_a_sine_follows_its_integral(share: float) -> None:
    """50 t + 20 P / (2 pi) (1 - cos(2 pi t / P)), within 0.004 % of what the swing brings."""
    period_s = 30
    wave = Wave(Sine(Fraction(50), Fraction(20), period_s * S, 100 * S))
    time_s = share * period_s
    swing = 20 * period_s / (2 * math.pi)
    units = 50 * time_s + swing * (1 - math.cos(2 * math.pi * share))
    assert wave.time_of(units) / S * 50 == pytest.approx(time_s * 50, abs=swing * 2 * 0.00004 * 2)


def test_a_part_of_a_period_brings_its_part() -> None:
    """The first quarter of a period brings more than its mean, as the sine starts upwards."""
    wave = Wave(Sine(Fraction(50), Fraction(20), 40 * S, 10 * S))
    assert float(wave.units) == pytest.approx(500 + 20 * 40 / (2 * math.pi), rel=1e-4)
    assert wave.time_of(float(wave.units)) == 10 * S


@FUZZ
@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_time_never_goes_backwards(shares: list[float]) -> None:
    """More units never come earlier, not even by a nanosecond, and none after the end."""
    profile = MIXED
    total = float(profile.units)
    near = [math.nextafter(share * total, direction) for share in shares for direction in (0, 1e9)]
    times = [profile.time_of(min(units, total)) for units in sorted(near)]
    assert times == sorted(times)
    assert times[-1] <= profile.duration_ns


@FUZZ
@given(
    st.fractions(0, 10_000, max_denominator=100), st.fractions(0, 10_000, max_denominator=100),
    st.integers(1_000, 3_600 * S), st.floats(0, 1),
)  # fmt: skip
def test_a_ramp_is_the_inverse_of_its_integral(
    first: Fraction, last: Fraction, duration_ns: int, share: float
) -> None:
    """The time found brings the units asked for, within a nanosecond or 1e-9 of the duration."""
    if not first + last:
        return
    line = Line(Ramp(first, last, duration_ns))
    found_ns = line.time_of(share * float(line.units))
    slack_ns = 1 + duration_ns // 10**9
    early, late = (max(0, min(found_ns + way, duration_ns)) for way in (-slack_ns, slack_ns))
    wanted = share * float(line.units)
    assert brought(line.ramp, early) <= wanted * (1 + 1e-9) + 1e-12
    assert brought(line.ramp, late) >= wanted * (1 - 1e-9) - 1e-12


def brought(ramp: Ramp, time_ns: int) -> float:
    """What a ramp has brought by then, exactly."""
    time = Fraction(time_ns, S)
    slope = (ramp.last_per_s - ramp.first_per_s) / Fraction(ramp.duration_ns, S)
    return float(ramp.first_per_s * time + slope * time * time / 2)


@pytest.mark.parametrize(
    "stage", [Ramp(Fraction(10_000), Fraction(10_000) + Fraction(1, 10**7), S)]
)
def test_a_ramp_that_hardly_rises_is_even(stage: Stage) -> None:
    """The difference of nearly equal numbers does not make times jump."""
    times = [profile_of([stage]).time_of(units) for units in range(0, 10_001, 100)]
    assert times == [units * 100_000 for units in range(0, 10_001, 100)]


def test_a_steady_rate_has_no_end() -> None:
    """After ten thousand hours it still brings what it should."""
    assert steady(Fraction(10_000)).time_of(3.6e11) == 36_000_000 * S
