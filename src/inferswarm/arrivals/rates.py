"""A rate that changes in time, and the time by which it has brought a number of arrivals.

Arrivals of a changing rate are those of one per unit, with time stretched: where the rate is high,
units pass fast. So each piece answers one question, `time_of(units)`, the inverse of its cumulative
rate. All pieces are straight lines of rate, whose inverse has a closed form; a sine is drawn by
360 of them per period and is off by at most 0.004 % of its amplitude.

Every operation used is monotone also after rounding (+ - * / and square root are rounded correctly),
so times never go backwards, and are the same on every platform.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Protocol

from inferswarm.config.arrivals import Ramp, Sine, Stage
from inferswarm.scales import NS_PER_S

ENDLESS_NS = 2**62
LINES_PER_PERIOD = 360
_NO_CHANGE = Fraction(1, 1_000_000)
_SINES = tuple(
    # Rounded, so that no platform's sine shows.
    Fraction(round(math.sin(2 * math.pi * step / LINES_PER_PERIOD) * 10**9), 10**9)
    for step in range(LINES_PER_PERIOD)
)


class Piece(Protocol):
    """A part of a profile; times and units count from its own start."""

    @property
    def duration_ns(self) -> int:
        """How long it lasts."""

    @property
    def units(self) -> Fraction:
        """Arrivals that it brings on average, exact."""

    def time_of(self, units: float) -> int:
        """When `units` (0 to all) have come, in whole nanoseconds."""


@dataclass(frozen=True, slots=True)
class Line:
    """A rate that goes from one value to another in a straight line."""

    ramp: Ramp
    _first: float = field(init=False)
    _slope: float = field(init=False)

    def __post_init__(self) -> None:
        first, change = self.ramp.first_per_s, self.ramp.last_per_s - self.ramp.first_per_s
        if abs(change) < _NO_CHANGE * first:
            # The difference of two nearly equal numbers would lose the time.
            first, change = first + change / 2, Fraction(0)
        object.__setattr__(self, "_first", float(first))
        object.__setattr__(self, "_slope", float(change * NS_PER_S / self.ramp.duration_ns))

    @property
    def duration_ns(self) -> int:
        """How long it lasts."""
        return self.ramp.duration_ns

    @property
    def units(self) -> Fraction:
        """Mean rate times duration."""
        mean = (self.ramp.first_per_s + self.ramp.last_per_s) / 2
        return mean * self.ramp.duration_ns / NS_PER_S

    def time_of(self, units: float) -> int:
        """Solves first * t + slope * t^2 / 2 = units for t."""
        if not self._slope:
            # Multiplied first: exact for whole units, so that spacing is even to the nanosecond.
            time_ns = units * NS_PER_S / self._first
        else:
            square = self._first * self._first + 2.0 * self._slope * units
            root = math.sqrt(square) if square > 0.0 else 0.0
            time_ns = (root - self._first) / self._slope * NS_PER_S
        return min(round(time_ns), self.ramp.duration_ns)


class Profile:
    """Pieces one after another; itself a piece."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = [piece for piece in pieces if piece.duration_ns]
        units = list(accumulate((piece.units for piece in self._pieces), initial=Fraction(0)))
        times_ns = list(accumulate((piece.duration_ns for piece in self._pieces), initial=0))
        self._begin_units = [float(begin) for begin in units[:-1]]
        self._begin_ns = times_ns[:-1]
        self.units = units[-1]
        self.duration_ns = times_ns[-1]

    def time_of(self, units: float) -> int:
        """When `units` have come; at the end of a pause, not its start, when one follows them."""
        at = bisect_right(self._begin_units, units) - 1
        return self._begin_ns[at] + self._pieces[at].time_of(units - self._begin_units[at])


class Wave:
    """A sine: periods that are all alike, and a part of one."""

    def __init__(self, sine: Sine) -> None:
        self._period_ns = sine.period_ns
        self._period = Profile(_period(sine, sine.period_ns))
        # Of the curve, not of its lines, whose ends are rounded to nanoseconds.
        units = sine.mean_per_s * sine.period_ns / NS_PER_S
        self._period_units = float(units)
        self.duration_ns = sine.duration_ns
        whole, rest_ns = divmod(sine.duration_ns, sine.period_ns)
        self.units = whole * units + Profile(_period(sine, rest_ns)).units

    def time_of(self, units: float) -> int:
        """Whole periods, and the time in the last."""
        whole, rest = divmod(units, self._period_units)
        return min(int(whole) * self._period_ns + self._period.time_of(rest), self.duration_ns)


def _period(sine: Sine, until_ns: int) -> Iterable[Line]:
    """The lines of one period up to `until_ns`, the last one cut there."""
    rates = [sine.mean_per_s + sine.amplitude_per_s * value for value in (*_SINES, _SINES[0])]
    bounds = [sine.period_ns * step // LINES_PER_PERIOD for step in range(LINES_PER_PERIOD + 1)]
    for (first, last), (begin, end) in zip(pairwise(rates), pairwise(bounds), strict=True):
        if begin < until_ns and begin < end:
            part = Fraction(min(end, until_ns) - begin, end - begin)
            yield Line(Ramp(first, first + (last - first) * part, min(end, until_ns) - begin))


def steady(per_s: Fraction) -> Profile:
    """An even rate without an end."""
    return Profile([Line(Ramp(per_s, per_s, ENDLESS_NS))])


def profile_of(stages: Iterable[Stage]) -> Profile:
    """The profile of stages as people write them."""
    return Profile([Wave(stage) if isinstance(stage, Sine) else Line(stage) for stage in stages])
