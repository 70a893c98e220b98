"""Sending a request and recording what comes back: one interface, the tape, whatever records it."""

from dataclasses import dataclass

from inferswarm.config.tree import TimeoutOptions


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines of one exchange, in nanoseconds."""

    connect_ns: int
    first_byte_ns: int
    idle_ns: int
    total_ns: int

    @classmethod
    def of(cls, options: TimeoutOptions) -> "Timeouts":
        """The configured deadlines."""
        return cls(options.connect, options.first_byte, options.idle, options.total)
