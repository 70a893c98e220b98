"""What a run came to so far, as numbers that a process can tell another."""

from collections.abc import Mapping
from itertools import pairwise

import msgspec

from inferswarm.histogram import Histogram
from inferswarm.otel.declared import COUNTS, DISTRIBUTIONS, Distribution
from inferswarm.summary import Summary


class Values(msgspec.Struct, frozen=True):
    """A histogram: how many values each bucket holds, the last those above all bounds; their sum.

    Sum, least and greatest are integers in the distribution's unit times its scale.
    """

    buckets: list[int]
    total: int
    low: int
    high: int


class Counted(msgspec.Struct, frozen=True):
    """All declared distributions and counts by name, each by the value of its attribute."""

    distributions: dict[str, dict[str, Values]]
    counts: dict[str, dict[str, int]]


def counted(summary: Summary) -> Counted:
    """The numbers of a summary; distributions without a value are left out."""
    return Counted(
        {one.metric.name: _distributed(one, one.read(summary)) for one in DISTRIBUTIONS},
        {one.metric.name: dict(one.read(summary)) for one in COUNTS},
    )


def _distributed(one: Distribution, found: Mapping[str, Histogram]) -> dict[str, Values]:
    return {value: _values(one, held) for value, held in found.items() if held.count}


def _values(one: Distribution, held: Histogram) -> Values:
    upto = held.counts_upto(one.bounds)
    buckets = [upto[0], *(more - less for less, more in pairwise(upto))]
    return Values(buckets, held.total, held.low, held.high)
