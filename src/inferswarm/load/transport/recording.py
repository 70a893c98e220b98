"""One connection and the tape recorded on it, by a read watcher whose callback runs in the hub.

The callback stamps, reads once, appends; nothing is parsed while bytes arrive, and the waiting
greenlet is woken once, after all callbacks of the same turn of the loop have stamped theirs.
"""

import socket
import ssl
from collections.abc import Callable

from gevent import Timeout, get_hub
from gevent.hub import Waiter
from greenlet import greenlet

from inferswarm.clock import now_ns
from inferswarm.exchange import Outcome, Tape
from inferswarm.framing.http1 import EndFinder
from inferswarm.load.transport import Timeouts

READ_BYTES = 1 << 18
_NS_PER_S = 1_000_000_000
_READ = 1
_WRITE = 2


class Recording:
    """The answer to one request while it arrives; `failure` stays None for a proper HTTP end."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._hub = get_hub()
        self._waiter: Waiter[None] = Waiter(self._hub)
        self._timeouts = timeouts
        self._timer = self._hub.loop.timer(0)
        self._parts: list[bytes] = []
        self._arrived_ns: list[int] = []
        self._ends: list[int] = []
        self._length = 0
        self._merged = 0
        self._finder = EndFinder()
        self.sent_ns = 0
        self.end_ns = 0
        self.failure: Outcome | None = None
        self.detail = ""
        self.closed_by_server = False
        self.preparing: greenlet | None = None

    @property
    def empty(self) -> bool:
        """Whether not a single byte has come."""
        return not self._length

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may carry another request."""
        return self.failure is None and self._finder.keep_alive

    def wait(self) -> None:
        """Block the calling greenlet until the recording has ended."""
        if self.end_ns:
            return
        self._start_timer(self._left_ns(now_ns())[0])
        try:
            self._waiter.get()
        finally:
            self._timer.stop()

    def arrive(self, data: bytes, at_ns: int) -> None:
        """Append one read."""
        self._parts.append(data)
        self._arrived_ns.append(at_ns)
        self._length += len(data)
        self._ends.append(self._length)
        self._merged += len(data) == READ_BYTES
        if self._finder.feed(data):
            self.end(None, "")

    def closed(self, why: str) -> None:
        """The server closed the connection, in order (`why` empty) or not."""
        self.closed_by_server = True
        if self._finder.until_close and not why:
            self.end(None, "")
        else:
            self.end(Outcome.TRUNCATED, why or "the server closed the connection")

    def end(self, failure: Outcome | None, detail: str) -> None:
        """Stop recording and wake the waiting greenlet; later calls do nothing."""
        if not self.end_ns:
            self.failure, self.detail = failure, detail
            self.end_ns = now_ns()
            self._hub.loop.run_callback(self._waiter.switch, None)

    def tape(self) -> Tape:
        """What was recorded."""
        return Tape(b"".join(self._parts), self._arrived_ns, self._ends, self._merged)

    def _left_ns(self, at_ns: int) -> tuple[int, Outcome, int]:
        """(time left, what happens then, which limit) of the next deadline."""
        limits = self._timeouts
        total = (self.sent_ns + limits.total_ns - at_ns, Outcome.TIMEOUT_TOTAL, limits.total_ns)
        if self._arrived_ns:
            last = self._arrived_ns[-1]
            step = (last + limits.idle_ns - at_ns, Outcome.TIMEOUT_IDLE, limits.idle_ns)
        else:
            first = limits.first_byte_ns
            step = (self.sent_ns + first - at_ns, Outcome.TIMEOUT_FIRST_BYTE, first)
        return min(total, step)

    def _check_deadlines(self) -> None:
        left_ns, failure, limit_ns = self._left_ns(now_ns())
        if left_ns <= 0:
            self.end(failure, f"nothing more within {limit_ns / _NS_PER_S:g} s")
        else:
            self._start_timer(left_ns)

    def _start_timer(self, after_ns: int) -> None:
        """Look again after this time, and before silence since a first byte could be too long."""
        self._timer.stop()
        wait_ns = max(0, min(after_ns, self._timeouts.idle_ns))
        self._timer = self._hub.loop.timer(wait_ns / _NS_PER_S)
        self._timer.start(self._check_deadlines)


class Connection:
    """An open connection that records for one request at a time; it alone closes its socket."""

    def __init__(self, sock: socket.socket, tls: "Tls | None", address: str) -> None:
        self._sock = sock
        self._tls = tls
        self.address = address
        self.uses = 0
        self.recording: Recording | None = None
        self.usable = True
        self._watcher = get_hub().loop.io(sock.fileno(), _READ)
        self._watcher.start(self._on_readable)

    def send(self, wire: bytes, limit_ns: int) -> int:
        """Write a request whole; the instant just before its first byte.

        Raises TimeoutError when the server does not take it within `limit_ns`, else OSError.
        """
        data = self._tls.encrypt(wire) if self._tls else wire
        sent_ns = now_ns()
        done = self._send_some(data)
        if done < len(data):
            with Timeout(
                limit_ns / _NS_PER_S, TimeoutError("the server does not take the request")
            ):
                self._send_rest(data[done:])
        return sent_ns

    def _send_rest(self, data: bytes) -> None:
        hub = get_hub()
        writable = hub.loop.io(self._sock.fileno(), _WRITE)
        while data:
            hub.wait(writable)
            data = data[self._send_some(data) :]

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
        if data and self.recording is not None and not self.recording.end_ns:
            self.recording.arrive(data, at_ns)
        elif data:
            self.usable = False
        if not open_still:
            self._ended("")

    def _ended(self, why: str) -> None:
        """The other side is gone."""
        self.usable = False
        self._watcher.stop()
        if self.recording is not None:
            self.recording.closed(why)


class Tls:
    """TLS over memory buffers, so that the arrival times stay those of the socket's reads."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def handshake(self, receive: Callable[[int], bytes], send: Callable[[bytes], object]) -> None:
        """Shake hands through blocking functions of a socket; raises ssl.SSLError or OSError."""
        while True:
            try:
                self._ssl.do_handshake()
            except ssl.SSLWantReadError:
                send(self._outgoing.read())
                data = receive(READ_BYTES)
                if not data:
                    raise ConnectionResetError(
                        "the server closed during the TLS handshake"
                    ) from None
                self._incoming.write(data)
            else:
                send(self._outgoing.read())
                return

    def encrypt(self, plain: bytes) -> bytes:
        """The bytes to put on the wire for `plain`."""
        self._ssl.write(plain)
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> tuple[bytes, bool]:
        """(the plain bytes that became readable, whether the other side still speaks)."""
        self._incoming.write(data)
        plain = []
        try:
            while piece := self._ssl.read(READ_BYTES):
                plain.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(plain), True
        except ssl.SSLZeroReturnError:
            pass
        return b"".join(plain), False
