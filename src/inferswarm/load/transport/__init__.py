"""Sending a request and recording what comes back: one interface, the tape, whatever records it."""

from dataclasses import dataclass
from functools import cached_property

from inferswarm.config.tree import TimeoutOptions


@dataclass(frozen=True)
class Timeouts:
    """Deadlines of one exchange, in nanoseconds."""

    connect_ns: int
    first_byte_ns: int
    idle_ns: int
    total_ns: int

    @cached_property
    def shortest_ns(self) -> int:
        """After a request was sent, nothing can be overdue before so long."""
        return min(self.first_byte_ns, self.idle_ns, self.total_ns)

    @classmethod
    def of(cls, options: TimeoutOptions) -> "Timeouts":
        """The configured deadlines."""
        return cls(options.connect, options.first_byte, options.idle, options.total)
