"""What the transport, its connections and its recorders are to each other."""

import socket
from collections.abc import Callable
from typing import Protocol

from inferswarm.exchange import Exchange
from inferswarm.load.transport.recording import Recording
from inferswarm.load.transport.talk import Talk
from inferswarm.load.transport.tls import Tls


class Connection(Protocol):
    """An open connection that records one answer at a time, and alone closes its socket."""

    address: str

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""

    def attach(self, recording: Recording) -> None:
        """Record the next answer for this recording; a dead connection ends it at once."""

    def send(self, wire: bytes, limit_ns: int) -> None:
        """Write a request; `sent_ns` of the recording is the instant just before its first byte.

        Stops when the answer has ended before the request did (`request_cut`). Raises TimeoutError
        when the server does not take it within `limit_ns`, else OSError.
        """

    def detach(self) -> None:
        """Let go of the recording, and hand it its tape; safe to call twice."""

    def close(self) -> None:
        """Close; safe to call twice."""


class Recorder(Protocol):
    """One way of recording tapes; `clock` says where arrival times come from."""

    name: str
    clock: str

    def connect(
        self, sock: socket.socket, tls: Tls | None, address: str, talk: Talk | None = None
    ) -> Connection:
        """Take over a connected, non-blocking socket; without `talk` it speaks HTTP/1.1."""

    def close(self) -> None:
        """Close what is still open."""

    def connections(self) -> int:
        """How many connections are open."""

    def cpu_ns(self) -> int:
        """CPU time of a thread of its own, if it has one."""


class Transport(Protocol):
    """Carries exchanges, many at a time, each in the greenlet that calls."""

    recorder: Recorder

    def exchange(self, wire: bytes, due_ns: int, done: Callable[[Exchange], None]) -> None:
        """Send `wire` and wait for the answer's end.

        `done` is called exactly once, also when the calling greenlet is killed while it waits.
        """

    def cancel_all(self) -> None:
        """End every exchange under way as `cancelled`."""

    def close(self) -> None:
        """Close what is open."""

    @property
    def in_flight(self) -> int:
        """Exchanges under way."""
