"""Answers whose plain bytes pass through Python: their reads, and the connections they come on."""

from array import array

from inferswarm.exchange import Outcome, Tape
from inferswarm.framing.http1 import EndFinder
from inferswarm.load.transport.kernel_times import Arrival
from inferswarm.load.transport.recording import Recording
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
        self.finder = EndFinder()

    def add(self, data: bytes, arrival: Arrival) -> bool:
        """Append what one read brought; True when the answer is over."""
        at_ns, stamp_ns, more = arrival
        self._parts.append(data)
        self._arrived_ns.append(max(at_ns, self.last_ns()))
        self.length += len(data)
        self._ends.append(self.length)
        # Writes that are read late, in pieces, all carry the stamp of the last one.
        self._merged += more or (stamp_ns > 0 and stamp_ns == self._stamp_ns)
        self._unstamped += not stamp_ns
        self._stamp_ns = stamp_ns
        return self.finder.feed(data)

    def last_ns(self) -> int:
        """The instant of the newest read, 0 before the first."""
        return self._arrived_ns[-1] if self._arrived_ns else 0

    def tape(self) -> Tape:
        """What was recorded."""
        times, ends = self._arrived_ns.tolist(), self._ends.tolist()
        return Tape(b"".join(self._parts), times, ends, self._merged, self._unstamped)


class ReelConnection:
    """What connections have in common whose reads are handed to `_take_in`, one after another."""

    def __init__(self, tls: Tls | None, address: str, limit_bytes: int) -> None:
        self.address = address
        self._tls = tls
        self._limit_bytes = limit_bytes
        self._fit = True
        self._recording: Recording | None = None
        self._reel = Reel()
        self._take_in(b"", Arrival(0))  # what came with the handshake's last bytes is no answer

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        return self._fit

    def attach(self, recording: Recording) -> None:
        """Record the next answer for this recording."""
        self._recording = recording
        recording.last_arrival = self._last_ns
        if not self._fit:
            recording.closed("")

    def detach(self) -> None:
        """Let go of the recording, and hand it what was recorded."""
        recording, self._recording = self._recording, None
        if recording is not None:
            reel, self._reel = self._reel, Reel()  # an idle connection holds no answer
            recording.tape = reel.tape()
            recording.keep_alive = (
                self._fit and recording.failure is None and reel.finder.keep_alive
            )

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
        recording = self._recording
        if recording is None or recording.end_ns:
            self._fit = False
        elif self._reel.add(data, arrival):
            recording.end(None, "")
        elif self._reel.length > self._limit_bytes:
            self._fit = False
            recording.too_large(self._limit_bytes)

    def _ended(self, why: str) -> None:
        """The other side is gone; in order when `why` is empty."""
        self._fit = False
        if self._recording is None:
            return
        if self._reel.finder.until_close and not why:
            self._recording.end(None, "")
        else:
            self._recording.closed(why)
