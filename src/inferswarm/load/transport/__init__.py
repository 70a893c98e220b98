"""Sending a request and recording what comes back: one interface, the tape, whatever records it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from inferswarm.config.tree import TimeoutOptions
from inferswarm.exchange import Exchange


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


class Transport(Protocol):
    """Carries exchanges, many at a time, each in the greenlet that calls."""

    recorder: str
    clock: str

    def exchange(self, wire: bytes, due_ns: int, done: Callable[[Exchange], None]) -> None:
        """Send `wire` and wait for the answer's end.

        `done` is called exactly once, also when the calling greenlet is killed while it waits.
        """

    def cancel_all(self) -> None:
        """End every exchange under way as `cancelled`."""

    @property
    def in_flight(self) -> int:
        """Exchanges under way."""
