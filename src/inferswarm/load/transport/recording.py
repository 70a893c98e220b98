"""Waiting for one answer: the greenlet that asked sleeps until the answer has ended or is overdue."""

from collections.abc import Callable
from typing import Any

from gevent import Timeout, get_hub
from gevent.hub import Waiter
from greenlet import greenlet

from inferswarm.clock import now_ns
from inferswarm.exchange import Outcome, Tape
from inferswarm.load.transport import Timeouts
from inferswarm.scales import BYTES_PER_MB, NS_PER_S

ANSWER_LIMIT_BYTES = 512 * BYTES_PER_MB
_WRITE = 2
_LOOK_UP_S = 0.05


class Recording:
    """One answer under way. `failure` stays None for one that HTTP calls complete.

    The connection that records it gives `last_arrival` (the instant of the newest read, 0 before the
    first) while it lasts, and hands over `tape` and `keep_alive` when it lets go.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._hub = get_hub()
        self._waiter: Waiter[None] = Waiter(self._hub)
        self._timeouts = timeouts
        self._timer: Any = None
        self.last_arrival: Callable[[], int] = int
        self.tape = Tape()
        self.keep_alive = False
        self.sent_ns = 0
        self.end_ns = 0
        self.failure: Outcome | None = None
        self.detail = ""
        self.closed_by_server = False
        self.request_cut = False
        self.preparing: greenlet | None = None

    def wait(self) -> None:
        """Block the calling greenlet until the answer has ended, one way or another."""
        if self.end_ns:
            return
        self._start_timer(self._timeouts.shortest_ns - (now_ns() - self.sent_ns))
        try:
            self._waiter.get()
        finally:
            self._timer.close()

    def end(self, failure: Outcome | None, detail: str) -> None:
        """Wake the waiting greenlet; only the first call counts.

        It wakes after all that the loop has to do in this turn, so that reads of other streams that
        came at the same time are stamped before.
        """
        if not self.end_ns:
            self.failure, self.detail = failure, detail
            self.end_ns = now_ns()
            self._hub.loop.run_callback(self._waiter.switch, None)

    def closed(self, why: str) -> None:
        """The server is gone before the answer was complete; in order when `why` is empty."""
        self.closed_by_server = not self.end_ns
        self.end(Outcome.TRUNCATED, why or "the server closed the connection")

    def too_large(self, limit_bytes: int) -> None:
        """The answer is longer than `load.answer_limit_mb`, which is so many bytes."""
        limit = f"{limit_bytes / BYTES_PER_MB:g} MB"
        self.end(Outcome.TRUNCATED, f"the answer is larger than load.answer_limit_mb, {limit}")

    def _left_ns(self, at_ns: int) -> tuple[int, Outcome, int]:
        """(time left, what happens then, which limit) of the next deadline."""
        limits = self._timeouts
        total = (self.sent_ns + limits.total_ns - at_ns, Outcome.TIMEOUT_TOTAL, limits.total_ns)
        if last_ns := self.last_arrival():
            step = (last_ns + limits.idle_ns - at_ns, Outcome.TIMEOUT_IDLE, limits.idle_ns)
        else:
            first = limits.first_byte_ns
            step = (self.sent_ns + first - at_ns, Outcome.TIMEOUT_FIRST_BYTE, first)
        return min(total, step)

    def _check_deadlines(self) -> None:
        left_ns, failure, limit_ns = self._left_ns(now_ns())
        if left_ns <= 0:
            self.end(failure, f"nothing more within {limit_ns / NS_PER_S:g} s")
        else:
            self._timer.close()
            self._start_timer(left_ns)

    def _start_timer(self, after_ns: int) -> None:
        """Look again after this time, and before silence since a first byte could be too long."""
        wait_ns = max(0, min(after_ns, self._timeouts.idle_ns))
        self._timer = self._hub.loop.timer(wait_ns / NS_PER_S)
        self._timer.start(self._check_deadlines)


def send_rest(
    recording: Recording, fd: int, data: bytes, some: Callable[[bytes], int], limit_ns: int
) -> None:
    """Send what a socket takes of `data` through `some`, and the rest as room comes.

    A server may answer before it has read all: then nobody waits for the request any more. Raises
    TimeoutError after `limit_ns`, and what `some` raises.
    """
    data = data[some(data) :]
    if not data:
        return
    hub = get_hub()
    writable = hub.loop.io(fd, _WRITE)
    deadline_ns = now_ns() + limit_ns
    while data and not recording.end_ns:
        look_up = Timeout(_LOOK_UP_S)
        try:
            with look_up:
                hub.wait(writable)
        except Timeout as expired:
            if expired is not look_up:
                raise
        data = data[some(data) :]
        if now_ns() > deadline_ns:
            raise TimeoutError("the server does not take the request")
    recording.request_cut = bool(data)
