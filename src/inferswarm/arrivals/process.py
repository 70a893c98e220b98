"""Where arrivals lie when one comes per unit of time on average; `rates` turns units into time.

Random gaps are drawn as a tree, so that arrival k needs neither the gaps before it nor memory that
grows with them. Of independent gamma gaps the sum says nothing about how it is divided, and the
shares are a Dirichlet draw. So the span of 128^3 arrivals is drawn first (a gamma draw), it is
divided among its 128 children, each of these among its own, and the last among single arrivals.
The result has exactly the distribution of gaps drawn one by one.
"""

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from typing import Protocol

from inferswarm.draws import gamma, generator

FAN_OUT = 128
_LEVELS = 3
_NODES_KEPT = 16


class UnitProcess(Protocol):
    """Arrivals at one per unit on average."""

    def position(self, k: int) -> float:
        """Where arrival k lies, in units from the start; never before arrival k - 1."""


class Even:
    """Arrivals at 0, 1, 2, ...: constant spacing."""

    def position(self, k: int) -> float:
        """Arrival k lies at k."""
        return float(k)


class Renewal:
    """Independent gamma gaps of mean 1 and the given shape, the first before arrival 0.

    Shape 1 is a Poisson process, below 1 arrivals come in bursts, above 1 they are more even. A
    worker that goes through all k, or any part of them, draws each last level of the tree once.
    """

    def __init__(self, shape: float, seed: int) -> None:
        self._shape = shape
        self._seed = seed
        self._roots = [0.0]
        self._ends: Callable[[int, int], list[float]] = lru_cache(_NODES_KEPT)(self._draw_ends)

    def position(self, k: int) -> float:
        """Where arrival k lies; a far k costs about a millisecond, the one after it next to none."""
        leaf, place = divmod(k, FAN_OUT)
        return self._ends(0, leaf)[place]

    def _draw_ends(self, level: int, index: int) -> list[float]:
        """Where the children of a node end; its own bounds are the parent's."""
        low, high = self._bounds(level + 1, index)
        span = high - low
        ends = [low + span * part for part in self._parts(level, index)]
        # Rounding may put the last ones an ulp behind the end, where the next node begins.
        beyond = bisect_right(ends, high)
        ends[beyond:] = [high] * (FAN_OUT - beyond)
        return ends

    def _bounds(self, level: int, index: int) -> tuple[float, float]:
        """Where a node starts and ends; nodes of one `level` hold 128^level arrivals each."""
        if level == _LEVELS:
            return self._root(index), self._root(index + 1)
        parent, place = divmod(index, FAN_OUT)
        ends = self._ends(level, parent)
        if place:
            return ends[place - 1], ends[place]
        return self._bounds(level + 1, parent)[0], ends[0]

    def _parts(self, level: int, index: int) -> list[float]:
        """The children's shares of a node, summed up, rising to 1."""
        uniform = generator("arrivals", self._seed, self._shape, level, index)
        if level == 0 and self._shape == 1.0:
            return [*sorted([uniform() for _ in range(FAN_OUT - 1)]), 1.0]
        shape = self._shape * FAN_OUT**level
        # Not sum(): since Python 3.12 it rounds otherwise than before.
        sums = list(accumulate(gamma(shape, uniform) for _ in range(FAN_OUT)))
        return [part / sums[-1] for part in sums]

    def _root(self, index: int) -> float:
        """Where root `index` starts."""
        while len(self._roots) <= index:
            uniform = generator("arrivals", self._seed, self._shape, "root", len(self._roots))
            span = gamma(self._shape * FAN_OUT**_LEVELS, uniform) / self._shape
            self._roots.append(self._roots[-1] + span)
        return self._roots[index]
