"""When each request of an open loop is due: one pure schedule, the same for every worker.

Arrival k of a schedule is due at the same nanosecond whoever asks, in whatever order, and however
the load is split: it follows from the options, the seed and k alone. So stream j of S plays
arrivals j, j + S, j + 2S, ... and nobody needs to hold or send the schedule.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request to come: its number, when it is due, and its lengths in tokens if it has any.

    `due_ns` counts from the start of the load.
    """

    k: int
    due_ns: int
    input_tokens: int | None = None
    output_tokens: int | None = None


class Arrivals(Protocol):
    """A schedule. Asking is cheap for arrivals near those asked before, and possible for any.

    One object serves one thread: it remembers what it worked out last.
    """

    @property
    def ends_ns(self) -> int | None:
        """When the schedule ends, from the start of the load; None for one without an end."""

    def due(self, k: int) -> int | None:
        """When arrival k (from 0) is due, ns from the start of the load; None past the last one.

        Never earlier than arrival k - 1.
        """

    def at(self, k: int) -> Arrival | None:
        """Arrival k with its lengths; None past the last one."""


def upto(arrivals: Arrivals, until_ns: int) -> int:
    """How many arrivals are due before `until_ns`; looks at some 2 log2(n) of them."""
    above = 1
    while _before(arrivals, above - 1, until_ns):
        above *= 2
    low, high = above // 2, above - 1
    while low < high:
        middle = (low + high) // 2
        if _before(arrivals, middle, until_ns):
            low = middle + 1
        else:
            high = middle
    return low


def _before(arrivals: Arrivals, k: int, until_ns: int) -> bool:
    due_ns = arrivals.due(k)
    return due_ns is not None and due_ns < until_ns
