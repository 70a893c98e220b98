"""The goals of a run as values."""

import operator
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from inferswarm import timing
from inferswarm.records import Record

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _tpot_ns(record: Record) -> int | None:
    """TPOT, or 0 for a stream of one token, which nobody waited for."""
    alone = record.streamed and record.output_tokens == 1 and record.chunk_ns
    return 0 if alone else timing.tpot_ns(record)


PER_REQUEST: dict[str, Callable[[Record], int | None]] = {
    "ttft": timing.ttft_ns,
    "ttft_due": timing.ttft_due_ns,
    "ttfo": timing.ttfo_ns,
    "tpot": _tpot_ns,
    "e2e": timing.e2e_ns,
    "e2e_due": timing.e2e_due_ns,
    "ntpot": timing.ntpot_ns,
}
"""Metrics with one value for each request, and how it is read."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a run shall come to: the quantity named stands so to `limit`, which is in its unit."""

    text: str
    quantity: str
    comparison: str
    limit: float
    preset: str = ""

    def met(self, value: float) -> bool:
        """Whether a value reaches it."""
        return COMPARISONS[self.comparison](value, self.limit)


class Limit(msgspec.Struct, frozen=True):
    """What one request must stay within to be good."""

    text: str
    metric: str
    comparison: str
    limit_ns: int

    def value_ns(self, record: Record) -> int | None:
        """What the limit is about; None where the record does not tell."""
        return PER_REQUEST[self.metric](record)

    def holds(self, value_ns: int) -> bool:
        """Whether a value is within it."""
        return COMPARISONS[self.comparison](value_ns, self.limit_ns)


@dataclass(frozen=True, slots=True)
class Goals:
    """All that is asked of a run."""

    slo: tuple[Goal, ...] = ()
    limits: tuple[Limit, ...] = ()
