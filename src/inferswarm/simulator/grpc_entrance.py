"""HTTP/1.1 and gRPC on one port: the first bytes of a connection tell which it is."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from inferswarm.framing.http2 import PREFACE

Make = Callable[[], asyncio.Protocol]


class Open(Protocol):
    """A connection that is open, whatever it speaks."""

    def hang_up(self) -> None:
        """Close: what was written still goes out, nothing ends the answers."""

    def abort(self) -> None:
        """Close at once; what was not sent yet is lost."""


class Entrance(asyncio.Protocol):
    """A connection that has not said enough yet."""

    def __init__(self, http1: Make, http2: Make, every: set[Open]) -> None:
        """Goes on as what one of the two makes; is in `every` until then."""
        self._http1, self._http2, self._every = http1, http2, every
        self._first = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        self._every.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio: the client went away without a word."""
        self._every.discard(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio; hands over as soon as it can only be one of the two."""
        self._first += data
        if not PREFACE.startswith(self._first[: len(PREFACE)]):
            self._go_on_as(self._http1())
        elif len(self._first) >= len(PREFACE):
            self._go_on_as(self._http2())

    def hang_up(self) -> None:
        """See `Open`."""
        self._transport.close()

    def abort(self) -> None:
        """See `Open`."""
        self._transport.abort()

    def _go_on_as(self, protocol: asyncio.Protocol) -> None:
        self._every.discard(self)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._first)
