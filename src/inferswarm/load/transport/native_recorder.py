"""The recorder for Linux: a C thread reads all connections, with the kernel's arrival times.

The thread (`native/`) needs no interpreter lock, so a busy Python delays no stamp. The hub watches
one descriptor and is told when answers have ended. Python parses, C never does.

Of a connection with TLS or HTTP/2 the thread keeps whatever comes, and the hub takes it after each
turn of the thread: decrypted late, but with the kernel's times.
"""

import errno
import os
import socket
from importlib import import_module
from types import ModuleType
from typing import Any

from gevent import get_hub

from inferswarm.clock import ANCHOR_NS
from inferswarm.errors import InputError
from inferswarm.exchange import Tape
from inferswarm.load.transport.kernel_times import Arrival
from inferswarm.load.transport.recording import ANSWER_LIMIT_BYTES, Recording, send_rest
from inferswarm.load.transport.reel import ReelConnection
from inferswarm.load.transport.talk import Talk
from inferswarm.load.transport.tls import Tls


def _extension() -> ModuleType | None:
    """The C extension; absent where the package was installed without a compiler, or not on Linux."""
    try:
        return import_module("inferswarm.load.transport._reader")
    except ImportError:
        return None


_reader = _extension()
_READ = 1
_MERGED, _UNSTAMPED = 1, 2


def available() -> bool:
    """Whether the extension was built and the kernel stamps what it receives."""
    if _reader is None:
        return False
    try:
        _reader.Reader(ANCHOR_NS, ANSWER_LIMIT_BYTES)
    except OSError:
        return False
    return True


class NativeRecorder:
    """Owns the thread and, through it, every connection's descriptor."""

    name = "native"
    clock = "kernel"

    def __init__(self, answer_limit_bytes: int = ANSWER_LIMIT_BYTES) -> None:
        """Raises InputError where the extension is missing."""
        if _reader is None:
            raise InputError(
                "load.recorder was given 'native', but the extension is not there: install with a C "
                "compiler on Linux, or use gevent"
            )
        self.limit_bytes = answer_limit_bytes
        self.reader = _reader.Reader(ANCHOR_NS, answer_limit_bytes)
        self._connections: dict[int, NativeConnection | NativeRawConnection] = {}
        self._watcher = get_hub().loop.io(self.reader.fileno(), _READ)
        self._watcher.start(self._on_ended)

    def connect(
        self, sock: socket.socket, tls: Tls | None, address: str, talk: Talk | None = None
    ) -> "NativeConnection | NativeRawConnection":
        """See `Recorder.connect`."""
        raw = tls is not None or talk is not None
        handle = self.reader.adopt(sock.detach(), raw)
        connection: NativeConnection | NativeRawConnection
        if raw:
            connection = NativeRawConnection(self, handle, tls, address, talk)
        else:
            connection = NativeConnection(self, handle, address)
        self._connections[handle] = connection
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

    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def cpu_ns(self) -> int:
        """CPU time of the reading thread so far."""
        return int(self.reader.cpu_ns())

    def _on_ended(self) -> None:
        for handle in self.reader.ended():
            connection = self._connections.get(handle)
            if connection is not None:
                connection.reported()


class NativeConnection:
    """One connection of the thread; only its handle is here."""

    def __init__(self, owner: NativeRecorder, handle: int, address: str) -> None:
        self._owner = owner
        self._reader = owner.reader
        self._handle = handle
        self._recording: Recording | None = None
        self._taken = False
        self.address = address

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        return bool(self._reader.usable(self._handle))

    def attach(self, recording: Recording) -> None:
        """Record the next answer for this recording."""
        self._recording = recording
        self._taken = False
        recording.last_arrival = self._last_ns
        if not self._reader.begin(self._handle):
            recording.closed("")

    def detach(self) -> None:
        """Let go of the recording, and hand it what was recorded."""
        if self._recording is not None:
            if not self._taken:
                self._collect()
            self._recording = None

    def reported(self) -> None:
        """The thread says that the answer is over."""
        if self._recording is not None and not self._recording.end_ns:
            self._collect()

    def send(self, wire: bytes, limit_ns: int) -> None:
        """See `Connection.send`."""
        recording = self._recording
        assert recording is not None
        _send(self._reader, self._handle, recording, wire, limit_ns)

    def close(self) -> None:
        """Close; safe to call twice."""
        self._owner.forget(self._handle)

    def _last_ns(self) -> int:
        return int(self._reader.progress(self._handle))

    def _collect(self) -> None:
        """Take the tape, and end the recording as the thread saw it end, unless it has ended."""
        taken = self._reader.take(self._handle)
        recording = self._recording
        if taken is None or recording is None:
            return
        self._taken = True
        data, times, ends, merged, unstamped, whole, keep_alive, closed, error = taken
        recording.tape = Tape(data, times, ends, merged, unstamped)
        recording.keep_alive = keep_alive
        if whole:
            recording.end(None, "")
        elif error == errno.ENOBUFS:
            recording.too_large(self._owner.limit_bytes)
        elif closed or error:
            recording.closed(os.strerror(error) if error else "")


class NativeRawConnection(ReelConnection):
    """One connection of the thread whose bytes are decrypted and heard here, in the hub."""

    def __init__(
        self,
        owner: NativeRecorder,
        handle: int,
        tls: Tls | None,
        address: str,
        talk: Talk | None,
    ) -> None:
        self._owner = owner
        self._reader = owner.reader
        self._handle = handle
        super().__init__(tls, address, owner.limit_bytes, talk)

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        self.reported()
        return super().usable

    def detach(self) -> None:
        """Let go of the recording, and hand it what was recorded."""
        self.reported()
        super().detach()

    def close(self) -> None:
        """Close; safe to call twice."""
        self._fit = False
        self._outbox.close()
        self._owner.forget(self._handle)

    def reported(self) -> None:
        """Take what the thread has kept since the last time, if it has."""
        taken = self._reader.take_raw(self._handle)
        if taken is None or not self._fit:
            return
        data, times, ends, flags, closed, error = taken
        start = 0
        for at_ns, end, flag in zip(times, ends, flags, strict=True):
            stamp_ns = 0 if flag & _UNSTAMPED else at_ns
            self._take_in(data[start:end], Arrival(at_ns, stamp_ns, bool(flag & _MERGED)))
            start = end
            if not self._fit:
                return
        if error == errno.ENOBUFS and self._recording is not None:
            self._recording.too_large(self._limit_bytes)
        if closed or error:
            self._ended(os.strerror(error) if error else "")

    def _fileno(self) -> int:
        return int(self._reader.socket(self._handle))

    def _send_first(self, data: bytes) -> tuple[int, int]:
        done, at_ns = self._reader.send(self._handle, data)
        return int(done), int(at_ns)

    def _send_some(self, data: bytes) -> int:
        return self._send_first(data)[0]

    def _last_ns(self) -> int:
        self.reported()  # a deadline must not overtake bytes that came in time
        return super()._last_ns()


def _send(reader: Any, handle: int, recording: Recording, data: bytes, limit_ns: int) -> None:
    """Send through the thread's socket; see `Connection.send`."""

    def some(data: bytes) -> int:
        return int(reader.send(handle, data)[0])

    done, recording.sent_ns = reader.send(handle, data)
    if done < len(data):
        send_rest(recording, reader.socket(handle), data[done:], some, limit_ns)
