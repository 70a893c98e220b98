"""Answers whose plain bytes pass through Python: their reads, and the connections they come on."""

from abc import ABC, abstractmethod
from array import array
from contextlib import suppress

from inferswarm.clock import now_ns
from inferswarm.exchange import Outcome, Tape
from inferswarm.load.transport.kernel_times import Arrival
from inferswarm.load.transport.outbox import Outbox
from inferswarm.load.transport.recording import Recording, send_rest
from inferswarm.load.transport.talk import Http1Talk, Talk
from inferswarm.load.transport.tls import Plain, Tls


class Reel:
    """The reads of one answer while they come in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._arrived_ns = array("q")
        self._ends = array("q")
        self._merged = 0
        self._unstamped = 0
        self._stamp_ns = 0
        self.length = 0

    def add(self, data: bytes, arrival: Arrival) -> None:
        """Append what one read brought."""
        at_ns, stamp_ns, more = arrival
        self._parts.append(data)
        self._arrived_ns.append(max(at_ns, self.last_ns()))
        self.length += len(data)
        self._ends.append(self.length)
        # Writes that are read late, in pieces, all carry the stamp of the last one.
        self._merged += more or (stamp_ns > 0 and stamp_ns == self._stamp_ns)
        self._unstamped += not stamp_ns
        self._stamp_ns = stamp_ns

    def last_ns(self) -> int:
        """The instant of the newest read, 0 before the first."""
        return self._arrived_ns[-1] if self._arrived_ns else 0

    def tape(self) -> Tape:
        """What was recorded."""
        times, ends = self._arrived_ns.tolist(), self._ends.tolist()
        return Tape(b"".join(self._parts), times, ends, self._merged, self._unstamped)


class ReelConnection(ABC):
    """What connections have in common whose reads are handed to `_take_in`, one after another."""

    def __init__(self, tls: Tls | None, address: str, limit_bytes: int, talk: Talk | None) -> None:
        """Without `talk` it speaks HTTP/1.1."""
        self.address = address
        self._tls = tls
        self._talk = talk or Http1Talk()
        self._limit_bytes = limit_bytes
        self._fit = True
        self._recording: Recording | None = None
        self._reel = Reel()
        self._outbox = Outbox(self._send_some, self._fileno)
        self._take_in(b"", Arrival(0))  # what came with the handshake's last bytes is no answer

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        return self._fit and self._talk.usable

    def attach(self, recording: Recording) -> None:
        """Record the next answer for this recording."""
        self._talk.begin()
        self._recording = recording
        recording.last_arrival = self._last_ns
        if not self.usable:
            recording.closed("")

    def detach(self) -> None:
        """Let go of the recording, and hand it what was recorded."""
        recording, self._recording = self._recording, None
        if recording is not None:
            reel, self._reel = self._reel, Reel()  # an idle connection holds no answer
            recording.tape = reel.tape()
            recording.request_cut |= self._talk.unsent or self._outbox.full
            recording.keep_alive = self._fit and recording.failure is None and self._talk.keep_alive

    def send(self, wire: bytes, limit_ns: int) -> None:
        """See `Connection.send`; where the protocol replies, what has no room yet goes later."""
        recording = self._recording
        assert recording is not None
        data = self._sealed(self._talk.request(wire))
        done = 0
        recording.sent_ns = now_ns()
        if not self._outbox.full:
            done, recording.sent_ns = self._send_first(data)
        if done == len(data):
            return
        if self._talk.replies:
            self._outbox.put(data[done:])
        else:
            send_rest(recording, self._fileno(), data[done:], self._send_some, limit_ns)

    @abstractmethod
    def close(self) -> None:
        """Close; safe to call twice."""

    @abstractmethod
    def _send_some(self, data: bytes) -> int:
        """Write what the socket takes at once; raises OSError."""

    def _send_first(self, data: bytes) -> tuple[int, int]:
        """The same, with the instant just before."""
        at_ns = now_ns()
        return self._send_some(data), at_ns

    @abstractmethod
    def _fileno(self) -> int:
        """The socket's descriptor."""

    def _sealed(self, data: bytes) -> bytes:
        return self._tls.encrypt(data) if self._tls else data

    def _last_ns(self) -> int:
        return self._reel.last_ns()

    def _take_in(self, data: bytes, arrival: Arrival) -> None:
        """Take in what one read of the socket brought, once the other side has not ended yet."""
        plain = self._tls.decrypt(data) if self._tls else Plain(data)
        if plain.data:
            self._take_plain(plain.data, arrival)
        if plain.error:
            self._fit = False
            if self._recording is not None:
                self._recording.end(Outcome.TLS, plain.error)
        elif plain.over:
            self._ended("")

    def _take_plain(self, data: bytes, arrival: Arrival) -> None:
        recording, talk = self._recording, self._talk
        awaited = recording is not None and not recording.end_ns
        if kept := talk.hear(data, awaited=awaited):
            self._reel.add(kept, arrival)
        if talk.broken:
            self._fit = False
        elif reply := talk.say():
            with suppress(OSError):  # who reads is told of it too
                self._outbox.put(self._sealed(reply))
        if recording is None or not awaited:
            return
        if talk.over:
            recording.end(None, "")
        elif talk.refused:
            recording.closed(talk.lost)
        elif talk.lost:
            recording.end(Outcome.TRUNCATED, talk.lost)
        elif self._reel.length > self._limit_bytes:
            self._fit = False
            recording.too_large(self._limit_bytes)

    def _ended(self, why: str) -> None:
        """The other side is gone; in order when `why` is empty."""
        self._fit = False
        if self._recording is None:
            return
        if self._talk.until_close and not why:
            self._recording.end(None, "")
        else:
            self._recording.closed(why)
