"""The recorder that works everywhere: a read watcher for each connection, its callback in the hub.

The callback reads once, notes the time, appends; nothing is parsed while bytes arrive. The time is
the kernel's where it gives one, else the process's own.
"""

import socket

from gevent import get_hub

from inferswarm.clock import now_ns
from inferswarm.load.transport import kernel_times
from inferswarm.load.transport.kernel_times import ANCILLARY_BYTES, Arrival, KernelTimes
from inferswarm.load.transport.recording import ANSWER_LIMIT_BYTES
from inferswarm.load.transport.reel import ReelConnection
from inferswarm.load.transport.talk import Talk
from inferswarm.load.transport.tls import Tls

# A buffer that glibc would map on its own keeps a page for each read, and costs several reads' time.
READ_BYTES = 1 << 16
_READ = 1


class GeventRecorder:
    """Opens connections that are read by this process's own loop."""

    name = "gevent"

    def __init__(
        self, answer_limit_bytes: int = ANSWER_LIMIT_BYTES, *, stamped: bool = True
    ) -> None:
        """Without `stamped` the clock is this process's own, as where the kernel stamps nothing."""
        self._times = KernelTimes() if stamped and kernel_times.available() else None
        self.clock = "kernel" if self._times else "process"
        self.limit_bytes = answer_limit_bytes
        self.open: set[GeventConnection] = set()

    def connect(
        self, sock: socket.socket, tls: Tls | None, address: str, talk: Talk | None = None
    ) -> "GeventConnection":
        """See `Recorder.connect`."""
        if self._times:
            kernel_times.ask_for_stamps(sock)
        connection = GeventConnection(self, sock, tls, address, self._times, talk)
        self.open.add(connection)
        return connection

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self.open):
            connection.close()

    def connections(self) -> int:
        """How many connections are open."""
        return len(self.open)

    def cpu_ns(self) -> int:
        """No thread of its own."""
        return 0


class GeventConnection(ReelConnection):
    """An open connection that records for one request at a time; it alone closes its socket."""

    def __init__(
        self,
        owner: GeventRecorder,
        sock: socket.socket,
        tls: Tls | None,
        address: str,
        times: KernelTimes | None,
        talk: Talk | None,
    ) -> None:
        super().__init__(tls, address, owner.limit_bytes, talk)
        self._owner = owner
        self._sock = sock
        self._times = times
        self._watcher = get_hub().loop.io(sock.fileno(), _READ)
        self._watcher.start(self._on_readable)

    def close(self) -> None:
        """Stop watching and close; safe to call twice."""
        self._fit = False
        self._owner.open.discard(self)
        self._watcher.stop()
        self._watcher.close()
        self._outbox.close()
        self._sock.close()

    def _fileno(self) -> int:
        return self._sock.fileno()

    def _send_some(self, data: bytes) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    def _receive(self) -> tuple[bytes, Arrival]:
        if self._times is None:
            data = self._sock.recv(READ_BYTES)
            return data, Arrival(now_ns(), more=len(data) == READ_BYTES)
        data, ancillary, _, _ = self._sock.recvmsg(READ_BYTES, ANCILLARY_BYTES)
        return data, self._times.of(ancillary, full=len(data) == READ_BYTES)

    def _on_readable(self) -> None:
        try:
            data, arrival = self._receive()
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._ended(error.strerror or str(error))
        else:
            if data:
                self._take_in(data, arrival)
            else:
                self._ended("")
        if not self._fit:
            self._watcher.stop()
