"""Waking a greenlet at an instant, more exactly than the event loop's own timers can.

libev rounds its waits up to whole milliseconds; a timerfd is a descriptor that becomes readable at its
nanosecond. Where there is none (not on Linux), the loop's timer has to do.
"""

import ctypes
import os
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent import get_hub

from inferswarm.clock import ANCHOR_NS, now_ns
from inferswarm.scales import NS_PER_S

_READ = 1
_ABSOLUTE = 1
_LOOK_UP_S = 0.05
_MOST_LEAD_NS = 250_000
_LEARN = 8
_CLOEXEC_NONBLOCK = os.O_CLOEXEC | os.O_NONBLOCK if sys.platform == "linux" else 0


class Alarm:
    """Wakes one greenlet at a time.

    A sleeping processor and the event loop take their time to wake. So it sets the timer as much
    earlier as that took lately, and passes what is left by looking at the clock.
    """

    def __init__(self) -> None:
        self._fd = _timerfd_create(time.CLOCK_MONOTONIC, _CLOEXEC_NONBLOCK)
        self._woken = False
        self._lead_ns = 0
        self._watcher = get_hub().loop.io(self._fd, _READ) if self._fd >= 0 else None

    def wait_until(self, at_ns: int) -> bool:
        """Block the calling greenlet until `clock.now_ns` has reached `at_ns`; not at all if it has.

        False when it was `wake` that ended the waiting.
        """
        while not self._woken and (left_ns := at_ns - now_ns()) > 0:
            if self._watcher is None:
                gevent.sleep(min(left_ns / NS_PER_S, _LOOK_UP_S))
            elif left_ns > self._lead_ns:
                self._sleep_until(at_ns - self._lead_ns, self._watcher)
        woken, self._woken = self._woken, False
        return not woken

    def _sleep_until(self, set_ns: int, watcher: Any) -> None:
        self._set(set_ns - ANCHOR_NS)
        get_hub().wait(watcher)
        os.read(self._fd, 8)
        if not self._woken:
            late_ns = min(now_ns() - set_ns, _MOST_LEAD_NS)
            self._lead_ns += (late_ns - self._lead_ns) // _LEARN

    def wake(self) -> None:
        """End the waiting that is under way, or the next one at once."""
        self._woken = True
        if self._watcher is not None:
            self._set(1)

    def _set(self, monotonic_ns: int) -> None:
        seconds, nanoseconds = divmod(monotonic_ns, NS_PER_S)
        when = struct.pack("=4q", 0, 0, seconds, nanoseconds)
        _timerfd_settime(self._fd, _ABSOLUTE, when, None)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._watcher is not None:
            self._watcher.close()
            os.close(self._fd)
            self._watcher = None


def _library_call(name: str) -> Callable[..., int]:
    """A function of the C library; one that always fails where it has none."""
    try:
        call: Callable[..., int] = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (AttributeError, OSError, TypeError):
        return lambda *_: -1
    return call


_timerfd_create = _library_call("timerfd_create")
_timerfd_settime = _library_call("timerfd_settime")
