"""A histogram that merges exactly and whose relative error is known.

Values are non-negative integers (nanoseconds, or counts of tokens). Each power of two is cut into
`2**bits` equal steps, values below `2**(bits+1)` are kept exactly. A quantile is the middle of its
step, so its relative error is at most `2**-(bits+1)`: 0.2 % with the default of 8 bits. Memory is
bounded by `2**bits` steps for each power of two that occurs: 1 µs to 1 h are 32 powers.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, repeat

import msgspec

from inferswarm import quick

DEFAULT_BITS = 8


class Histogram(msgspec.Struct):
    """Counts by step, with exact count, sum, minimum and maximum."""

    bits: int = DEFAULT_BITS
    count: int = 0
    total: int = 0
    low: int = 0
    high: int = 0
    steps: dict[int, int] = {}

    @property
    def relative_error(self) -> float:
        """Largest relative distance between a quantile given and a value that was added."""
        return 2.0 ** -(self.bits + 1)

    @property
    def mean(self) -> float:
        """Exact arithmetic mean; NaN when empty."""
        return self.total / self.count if self.count else math.nan

    def add(self, value: int, weight: int = 1) -> None:
        """Count `value` `weight` times; a negative value counts as 0."""
        if value < 0:
            value = 0
        if not self.count or value < self.low:
            self.low = value
        if value > self.high:
            self.high = value
        self.count += weight
        self.total += value * weight
        step = self._step(value)
        self.steps[step] = self.steps.get(step, 0) + weight

    def add_all(self, values: list[int], weights: Sequence[int] = ()) -> None:
        """`add` each value with its weight; without weights, once each."""
        counted = None if weights or not values else quick.count(self.steps, self.bits, values)
        if counted is None:
            for value, weight in zip(values, weights or repeat(1), strict=bool(weights)):
                self.add(value, weight)
            return
        total, low, high = counted
        self.low = min(low, self.low) if self.count else low
        self.high = max(high, self.high)
        self.count += len(values)
        self.total += total

    def merge(self, other: "Histogram") -> None:
        """Add all of `other`; both must have the same `bits`."""
        if other.bits != self.bits:
            raise ValueError(f"cannot merge histograms of {other.bits} and {self.bits} bits")
        if not other.count:
            return
        self.low = min(self.low, other.low) if self.count else other.low
        self.high = max(self.high, other.high)
        self.count += other.count
        self.total += other.total
        for step, weight in other.steps.items():
            self.steps[step] = self.steps.get(step, 0) + weight

    def quantile(self, share: float) -> float:
        """The value at rank `ceil(share * count)` (nearest rank); NaN when empty."""
        return self.quantiles((share,))[0]

    def quantiles(self, shares: tuple[float, ...]) -> list[float]:
        """Several quantiles in one pass; `shares` must ascend, each within 0 and 1."""
        return self.values_at([self.rank(share) for share in shares])

    def rank(self, share: float) -> int:
        """The rank (from 1) of a quantile."""
        return max(1, math.ceil(share * self.count))

    def values_at(self, ranks: Sequence[int]) -> list[float]:
        """The values at these ascending ranks (from 1); NaN for those above the count."""
        found: list[float] = []
        for value, upto in self.cumulative():
            while len(found) < len(ranks) and ranks[len(found)] <= upto:
                found.append(value)
        return found + [math.nan] * (len(ranks) - len(found))

    def count_upto(self, limit: int) -> int:
        """How many values are at most `limit`, within the error of a quantile."""
        return max((upto for value, upto in self.cumulative() if value <= limit), default=0)

    def counts_upto(self, limits: Sequence[int]) -> list[int]:
        """How many values are at most each of these ascending limits, and last the count of all.

        Values in a limit's own step count as below it, so that none of these numbers ever falls while
        values are added.
        """
        ends = [self._step(limit) for limit in limits]
        counts = [0] * (len(ends) + 1)
        for step, weight in self.steps.items():
            counts[bisect_left(ends, step)] += weight
        return list(accumulate(counts))

    def weighted(self) -> Iterator[tuple[float, int]]:
        """(value, how often), in no order, values within the error of a quantile."""
        for step, weight in self.steps.items():
            yield self._middle(step), weight

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Ascending (value, number of values up to its step)."""
        upto = 0
        for step in sorted(self.steps):
            upto += self.steps[step]
            yield min(max(self._middle(step), self.low), self.high), upto

    def _step(self, value: int) -> int:
        shift = value.bit_length() - self.bits - 1
        return value if shift <= 0 else (shift << self.bits) + (value >> shift)

    def _middle(self, step: int) -> float:
        shift = (step >> self.bits) - 1
        if shift <= 0:
            return step
        first = (step - (shift << self.bits)) << shift
        return first + ((1 << shift) - 1) / 2
