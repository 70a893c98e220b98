"""Sockets that know when bytes reached this machine, not when a busy server came to read them.

On Linux the kernel stamps what it receives (`SO_TIMESTAMPNS`, socket(7)); elsewhere, or when a stamp
is missing, the time of the read stands in.
"""

import socket
import struct
import sys
import time
from typing import Any

from inferswarm.clock import now_ns
from inferswarm.scales import NS_PER_S

_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)
_LAST_PORT = 65_535
_SUPPORTED = sys.platform == "linux"


class StampedSocket(socket.socket):
    """An accepted connection; `arrived_ns` is when the newest bytes given out had arrived."""

    arrived_ns = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As `socket.recv`; asyncio calls it for every read."""
        data, ancillary, _, _ = self.recvmsg(size, _ANCILLARY_BYTES, flags)
        self.arrived_ns = now = now_ns()
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                seconds, rest = _TIMESPEC.unpack(value)
                # The stamp is wall time: its age on that clock is its age on ours.
                age_ns = time.time_ns() - (seconds * NS_PER_S + rest)
                self.arrived_ns = now - max(0, age_ns)
        return data


class StampedListener(socket.socket):
    """A listening socket whose connections are stamped; `connections` has the open ones by number."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.connections: dict[int, StampedSocket] = {}
        if _SUPPORTED:
            # Held for the process's life: the host stamps packets only while some socket asks for it.
            self.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def accept(self) -> tuple[socket.socket, Any]:
        """As `socket.accept`."""
        number, address = self._accept()  # type: ignore[attr-defined]  # as the standard library does
        connection = StampedSocket(self.family, self.type, self.proto, fileno=number)
        if _SUPPORTED:
            connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.connections[number] = connection
        return connection, address


def listen_on(host: str, port: int) -> StampedListener:
    """A listener on the first address behind `host`; raises OSError or OverflowError."""
    if not 0 <= port <= _LAST_PORT:
        raise OverflowError(f"a port is a number from 0 to {_LAST_PORT}")
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = StampedListener(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind(address)
    except BaseException:
        listener.close()
        raise
    return listener
