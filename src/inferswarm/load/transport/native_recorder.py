"""The recorder for Linux: a C thread reads all connections, with the kernel's arrival times.

The thread (`native/`) needs no interpreter lock, so a busy Python delays no stamp. The hub watches
one descriptor and is told when answers have ended. Python parses, C never does.
"""

import errno
import os
import socket
from importlib import import_module
from types import ModuleType

from gevent import get_hub

from inferswarm.clock import ANCHOR_NS
from inferswarm.errors import InputError
from inferswarm.exchange import Outcome, Tape
from inferswarm.load.transport.recording import Recording, send_rest
from inferswarm.load.transport.tls import Tls


def _extension() -> ModuleType | None:
    """The C extension; absent where the package was installed without a compiler, or not on Linux."""
    try:
        return import_module("inferswarm.load.transport._reader")
    except ImportError:
        return None


_reader = _extension()
TAPE_LIMIT_BYTES = 1 << 29
_READ = 1


def available() -> bool:
    """Whether the extension was built and the kernel stamps what it receives."""
    if _reader is None:
        return False
    try:
        _reader.Reader(ANCHOR_NS, TAPE_LIMIT_BYTES)
    except OSError:
        return False
    return True


class NativeRecorder:
    """Owns the thread and, through it, every connection's descriptor."""

    name = "native"
    clock = "kernel"

    def __init__(self) -> None:
        if _reader is None:
            raise InputError(
                "load.recorder was given 'native', but the extension is not there: install with a C "
                "compiler on Linux, or use gevent"
            )
        self.reader = _reader.Reader(ANCHOR_NS, TAPE_LIMIT_BYTES)
        self._connections: dict[int, NativeConnection] = {}
        self._watcher = get_hub().loop.io(self.reader.fileno(), _READ)
        self._watcher.start(self._on_ended)

    def connect(self, sock: socket.socket, tls: Tls | None, address: str) -> "NativeConnection":
        """Take over a connected, non-blocking socket; TLS is for the other recorder."""
        assert tls is None
        handle = self.reader.adopt(sock.detach())
        connection = self._connections[handle] = NativeConnection(self, handle, address)
        return connection

    def forget(self, handle: int) -> None:
        """Close one connection."""
        if self._connections.pop(handle, None) is not None:
            self.reader.close(handle)

    def close(self) -> None:
        """Close all connections."""
        self._watcher.stop()
        self._watcher.close()
        for handle in list(self._connections):
            self.forget(handle)

    def cpu_ns(self) -> int:
        """CPU time of the reading thread so far."""
        return int(self.reader.cpu_ns())

    def _on_ended(self) -> None:
        for handle in self.reader.ended():
            connection = self._connections.get(handle)
            if connection is not None:
                connection.ended()


class NativeConnection:
    """One connection of the thread; only its handle is here."""

    def __init__(self, owner: NativeRecorder, handle: int, address: str) -> None:
        self._owner = owner
        self._reader = owner.reader
        self._handle = handle
        self._recording: Recording | None = None
        self.address = address

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        return bool(self._reader.usable(self._handle))

    def attach(self, recording: Recording) -> None:
        """Record the next answer for this recording."""
        self._recording = recording
        recording.last_arrival = self._last_ns
        if not self._reader.begin(self._handle):
            recording.closed("")

    def detach(self) -> None:
        """Let go of the recording, and hand it what was recorded."""
        if self._recording is not None:
            self._collect()
            self._recording = None

    def ended(self) -> None:
        """The thread says that the answer is over."""
        if self._recording is not None and not self._recording.end_ns:
            self._collect()

    def send(self, wire: bytes, limit_ns: int) -> None:
        """See `Connection.send`."""
        recording = self._recording
        assert recording is not None
        done, recording.sent_ns = self._reader.send(self._handle, wire)
        if done < len(wire):
            fd = self._reader.socket(self._handle)
            send_rest(recording, fd, wire[done:], self._send_some, limit_ns)

    def close(self) -> None:
        """Close; safe to call twice."""
        self._owner.forget(self._handle)

    def _send_some(self, data: bytes) -> int:
        return int(self._reader.send(self._handle, data)[0])

    def _last_ns(self) -> int:
        return int(self._reader.progress(self._handle))

    def _collect(self) -> None:
        """Take the tape, and end the recording as the thread saw it end, unless it has ended."""
        taken = self._reader.take(self._handle)
        recording = self._recording
        if taken is None or recording is None:
            return
        data, times, ends, merged, unstamped, whole, keep_alive, closed, error = taken
        recording.tape = Tape(data, times, ends, merged, unstamped)
        recording.keep_alive = keep_alive
        if whole:
            recording.end(None, "")
        elif error == errno.ENOBUFS:
            limit = f"the answer is larger than {TAPE_LIMIT_BYTES >> 20} MiB"
            recording.end(Outcome.TRUNCATED, limit)
        elif closed:
            recording.closed(os.strerror(error) if error else "")
