"""How far a number of a run would move in another run like it: the circular block bootstrap.

Blocks of a run are drawn with replacement until they are as long as the run, the end followed by its
beginning, and the number is taken again from what was drawn: so often that its spread is known. Moving
blocks are Künsch's (1989), the circle is Politis and Romano's (1992).
"""

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import itemgetter

from inferswarm.compare.blocks import GRAINS
from inferswarm.histogram import Histogram

RESAMPLES = 1_000
LEAST_BLOCKS = 8
LEAST_TAIL_BLOCKS = 5
"""A percentile needs values at or above it in so many blocks."""
LEAST_RESAMPLES = 100
"""Fewer resamples with a value tell no spread."""

Draw = Callable[[Sequence[int]], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number of a run; `error` is its standard error, in its logarithm where it is compared so.

    `error` is None where it cannot be told, and `why_not` says why.
    """

    value: float | None
    error: float | None = None
    blocks: float = 0.0
    why_not: str = ""

    def scaled(self, scale: int) -> "Estimate":
        """The same in a unit `scale` times as large."""
        return self if self.value is None else replace(self, value=self.value / scale)


@dataclass(frozen=True, slots=True)
class Draws:
    """The blocks of each resample, by the grain in which they begin."""

    grains: int
    picks: tuple[Draw, ...]

    @property
    def blocks(self) -> float:
        """How many blocks fit side by side."""
        return self.grains / GRAINS

    @property
    def why_not(self) -> str:
        """Why nothing can be told from so few; empty when they are enough."""
        if self.blocks >= LEAST_BLOCKS:
            return ""
        return (
            f"the load was on for {self.blocks:.0f} times as long as blocks of requests must be, "
            f"and {LEAST_BLOCKS} are needed: load longer"
        )


def draws(grains: int, seed: str, resamples: int = RESAMPLES) -> Draws:
    """Resamples of a circle of grains; none where there are too few blocks."""
    none = Draws(grains, ())
    if none.why_not:
        return none
    rng, count = random.Random(seed), round(grains / GRAINS)
    begins = range(grains)
    return Draws(grains, tuple(itemgetter(*rng.choices(begins, k=count)) for _ in range(resamples)))


def rate(counts: Sequence[int], seconds: float, drawn: Draws) -> Estimate:
    """Events per second of a span cut into grains."""
    total = sum(counts)
    value = total / seconds if seconds else None
    if not drawn.picks or not total:
        return Estimate(value, why_not=drawn.why_not or "nothing was counted")
    blocks = _blocks(counts)
    found = [sum(pick(blocks)) for pick in drawn.picks]
    return Estimate(value, _spread(_logs(found), drawn), drawn.blocks)


def share(parts: Sequence[int], wholes: Sequence[int], drawn: Draws) -> Estimate:
    """A share of requests, whose error is not in its logarithm: it may be 0.

    The error is at least that of independent requests with one more of each kind, so that no failure
    among few requests does not pass for certainty.
    """
    part, whole = sum(parts), sum(wholes)
    value = part / whole if whole else None
    if not drawn.picks or value is None:
        return Estimate(value, why_not=drawn.why_not or "no request was sent")
    above, below = _blocks(parts), _blocks(wholes)
    pairs = ((sum(pick(above)), sum(pick(below))) for pick in drawn.picks)
    spread = _spread([n / m for n, m in pairs if m], drawn)
    near = (part + 1) / (whole + 2)
    least = math.sqrt(near * (1 - near) / whole)
    return Estimate(value, None if spread is None else max(spread, least), drawn.blocks)


def mean(histograms: Sequence[Histogram], drawn: Draws) -> Estimate:
    """The mean of all values."""
    count, total = sum(one.count for one in histograms), sum(one.total for one in histograms)
    value = total / count if count else None
    if not drawn.picks or not total:
        return Estimate(value, why_not=drawn.why_not if count else "")
    totals = _blocks([one.total for one in histograms])
    counts = _blocks([one.count for one in histograms])
    pairs = ((sum(pick(totals)), sum(pick(counts))) for pick in drawn.picks)
    logs = _logs([above / below for above, below in pairs if below])
    return Estimate(value, _spread(logs, drawn), drawn.blocks)


class Quantiles:
    """Quantiles of one metric: of the values as measured, and of each resample."""

    def __init__(self, histograms: Sequence[Histogram]) -> None:
        """One histogram for each grain."""
        self._whole = Histogram()
        for one in histograms:
            self._whole.merge(one)
        steps = sorted(self._whole.steps)
        self._values = [value for value, _ in self._whole.cumulative()]
        self._upto = [list(accumulate(one.steps.get(s, 0) for s in steps)) for one in histograms]
        self._columns: dict[int, list[int]] = {}

    @property
    def count(self) -> int:
        """How many values there are."""
        return self._whole.count

    def estimates(self, shares: Sequence[float], drawn: Draws) -> Iterator[Estimate]:
        """A quantile for each share."""
        for part in shares:
            yield self._estimate(part, drawn) if self.count else Estimate(None)

    def _estimate(self, part: float, drawn: Draws) -> Estimate:
        value = self._whole.quantile(part)
        tail = self._blocks_from(bisect_left(self._values, value))
        why_not = drawn.why_not
        if not why_not and tail < LEAST_TAIL_BLOCKS:
            why_not = (
                f"values so high are in {tail} of {drawn.blocks:.0f} blocks, and "
                f"{LEAST_TAIL_BLOCKS} are needed: load longer"
            )
        if why_not:
            return Estimate(value, why_not=why_not)
        found = [self._resampled(part, pick) for pick in drawn.picks]
        logs = _logs([one for one in found if one is not None])
        return Estimate(value, _spread(logs, drawn), drawn.blocks)

    def _resampled(self, part: float, pick: Draw) -> float | None:
        """The quantile of one resample; None when it holds no value."""
        last = len(self._values) - 1
        rank = max(1, math.ceil(part * sum(pick(self._column(last)))))
        at = bisect_left(range(last), rank, key=lambda step: sum(pick(self._column(step))))
        return self._values[at] if sum(pick(self._column(last))) else None

    def _column(self, step: int) -> list[int]:
        """For every block how many of its values are up to a step; most steps are never asked for."""
        column = self._columns.get(step)
        if column is None:
            column = self._columns[step] = _blocks([upto[step] for upto in self._upto])
        return column

    def _blocks_from(self, step: int) -> int:
        """In how many blocks, side by side, there are values from this step on."""
        having = {
            grain // GRAINS
            for grain, upto in enumerate(self._upto)
            if upto[-1] > (upto[step - 1] if step else 0)
        }
        return len(having)


def _blocks(grains: Sequence[int]) -> list[int]:
    """For every grain the sum of the block that begins there."""
    circle = [*grains, *grains[: GRAINS - 1]]
    sums = [0, *accumulate(circle)]
    return [after - before for before, after in zip(sums, sums[GRAINS:], strict=False)]


def _logs(values: Sequence[float]) -> list[float]:
    return [math.log(value) for value in values if value > 0]


def _spread(values: Sequence[float], drawn: Draws) -> float | None:
    """Their standard deviation, made up for how little blocks drawn from so few can vary."""
    if len(values) < LEAST_RESAMPLES:
        return None
    middle = math.fsum(values) / len(values)
    variance = math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)
    return math.sqrt(variance * drawn.blocks / (drawn.blocks - 1))
