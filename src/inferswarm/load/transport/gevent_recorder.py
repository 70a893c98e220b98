"""The recorder that works everywhere: a read watcher for each connection, its callback in the hub.

The callback reads once, stamps, appends; nothing is parsed while bytes arrive.
"""

import socket

from gevent import get_hub

from inferswarm.clock import now_ns
from inferswarm.exchange import Tape
from inferswarm.framing.http1 import EndFinder
from inferswarm.load.transport.recording import Recording, send_rest
from inferswarm.load.transport.tls import Tls

READ_BYTES = 1 << 18
_READ = 1


class GeventRecorder:
    """Opens connections that are read by this process's own loop, with its own clock."""

    name = "gevent"
    clock = "process"

    def connect(self, sock: socket.socket, tls: Tls | None, address: str) -> "GeventConnection":
        """Take over a connected, non-blocking socket."""
        return GeventConnection(sock, tls, address)

    def close(self) -> None:
        """Nothing is held."""

    def cpu_ns(self) -> int:
        """No thread of its own."""
        return 0


class _Reel:
    """The reads of one answer while they come in."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.arrived_ns: list[int] = []
        self.ends: list[int] = []
        self.length = 0
        self.merged = 0
        self.finder = EndFinder()

    def add(self, data: bytes, at_ns: int) -> bool:
        """Append one read; True when the answer is over."""
        self.parts.append(data)
        self.arrived_ns.append(at_ns)
        self.length += len(data)
        self.ends.append(self.length)
        self.merged += len(data) == READ_BYTES
        return self.finder.feed(data)

    def last_ns(self) -> int:
        """The instant of the newest read, 0 before the first."""
        return self.arrived_ns[-1] if self.arrived_ns else 0

    def tape(self) -> Tape:
        """What was recorded."""
        own_clock = len(self.ends)
        return Tape(b"".join(self.parts), self.arrived_ns, self.ends, self.merged, own_clock)


class GeventConnection:
    """An open connection that records for one request at a time; it alone closes its socket."""

    def __init__(self, sock: socket.socket, tls: Tls | None, address: str) -> None:
        self._sock = sock
        self._tls = tls
        self.address = address
        self.usable = True
        self._recording: Recording | None = None
        self._reel = _Reel()
        self._watcher = get_hub().loop.io(sock.fileno(), _READ)
        self._watcher.start(self._on_readable)

    def attach(self, recording: Recording) -> None:
        """Record the next answer for this recording."""
        self._recording, self._reel = recording, _Reel()
        recording.last_arrival = self._reel.last_ns
        if not self.usable:
            recording.closed("")

    def detach(self) -> None:
        """Let go of the recording, and hand it what was recorded."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.tape = self._reel.tape()
            recording.keep_alive = (
                self.usable and recording.failure is None and self._reel.finder.keep_alive
            )

    def send(self, wire: bytes, limit_ns: int) -> None:
        """See `Connection.send`."""
        data = self._tls.encrypt(wire) if self._tls else wire
        recording = self._recording
        assert recording is not None
        recording.sent_ns = now_ns()
        send_rest(recording, self._sock.fileno(), data, self._send_some, limit_ns)

    def close(self) -> None:
        """Stop watching and close; safe to call twice."""
        self.usable = False
        self._watcher.stop()
        self._watcher.close()
        self._sock.close()

    def _send_some(self, data: bytes) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    def _on_readable(self) -> None:
        try:
            data = self._sock.recv(READ_BYTES)
            at_ns = now_ns()
            open_still = bool(data)
            if self._tls and open_still:
                data, open_still = self._tls.decrypt(data)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._ended(error.strerror or str(error))
            return
        recording = self._recording
        if data and recording is not None and not recording.end_ns:
            if self._reel.add(data, at_ns):
                recording.end(None, "")
        elif data:
            self.usable = False
        if not open_still:
            self._ended("")

    def _ended(self, why: str) -> None:
        """The other side is gone."""
        self.usable = False
        self._watcher.stop()
        if self._recording is None:
            return
        if self._reel.finder.until_close and not why:
            self._recording.end(None, "")
        else:
            self._recording.closed(why)
