"""Waking thousands of streams in time: one heap, one timer of the event loop, exact sleeping."""

import asyncio
import heapq
import select
import selectors
import sys
from collections.abc import Callable

from inferswarm.clock import now_ns

# After this many steps in a row the event loop may read its sockets before the next ones.
_STEPS_PER_WAKE = 64
_FD_SETSIZE = 1024

Step = Callable[[], int]


class Agenda:
    """Calls each step when it is due; a step returns the next instant it is due, or 0 when done."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """An empty agenda whose steps run in `loop`."""
        self._loop = loop
        self._heap: list[tuple[int, int, Step]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_ns = 0

    def add(self, due_ns: int, key: int, step: Step) -> None:
        """Call `step` at `due_ns` or as soon as possible after it; no two entries share a `key`."""
        heapq.heappush(self._heap, (due_ns, key, step))
        if self._timer is None or due_ns < self._timer_due_ns:
            self._arm(due_ns)

    def _arm(self, due_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_ns = due_ns
        self._timer = self._loop.call_later(max(0, due_ns - now_ns()) / 1e9, self._wake)

    def _wake(self) -> None:
        self._timer = None
        heap = self._heap
        try:
            for _ in range(_STEPS_PER_WAKE):
                if not heap or heap[0][0] > now_ns():
                    break
                self._step()
        finally:
            # A step that fails ends its own stream, not the others.
            if heap:
                self._arm(heap[0][0])

    def _step(self) -> None:
        # The step may add entries, so its own leaves the heap first.
        _, key, step = heapq.heappop(self._heap)
        next_due_ns = step()
        if next_due_ns:
            heapq.heappush(self._heap, (next_due_ns, key, step))


if sys.platform == "linux":

    class _ExactSelector(selectors.EpollSelector):
        """Sleeps by select(2) on the epoll descriptor: epoll_wait rounds up to milliseconds."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            if timeout is not None and timeout > 0 and self.fileno() < _FD_SETSIZE:
                select.select([self.fileno()], [], [], timeout)
                timeout = 0
            return super().select(timeout)

    def exact_loop() -> asyncio.AbstractEventLoop:
        """A new event loop whose timers fire within about 0.1 ms."""
        return asyncio.SelectorEventLoop(_ExactSelector())

else:

    def exact_loop() -> asyncio.AbstractEventLoop:
        """A new event loop with the timers of the platform."""
        return asyncio.new_event_loop()
