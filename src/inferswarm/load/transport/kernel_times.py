"""When bytes reached this machine, by the kernel's own word, for sockets that Python reads.

On Linux the kernel stamps what it receives (`SO_TIMESTAMPING`) and says what a read left behind
(`TCP_INQ`). Its stamps are wall time; they are converted with the distance of the two clocks at each
read, and not trusted when they are older than the last step of the wall clock.
"""

import socket
import struct
import sys
import time
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from gevent import monkey

from inferswarm.clock import now_ns
from inferswarm.scales import NS_PER_S

CLOCK_STEP_NS = 100_000  # a larger change between the two clocks is a step, not noise
_PROBE_LIMIT_NS = 100_000_000
_PROBE_PAUSE_S = 0.0005
_LOOKS = 9
# From Linux's headers; Python has no names for them.
_SO_TIMESTAMPING = 37
_RX_SOFTWARE_AND_REPORT = 1 << 3 | 1 << 4
_SOL_TCP = 6
_TCP_INQ = 36
_TIMESPEC = struct.Struct("@ll")
_INT = struct.Struct("@i")
ANCILLARY_BYTES = socket.CMSG_SPACE(3 * _TIMESPEC.size) + socket.CMSG_SPACE(_INT.size)

_pause = monkey.get_original("time", "sleep")  # before the load begins, and for a moment only

Ancillary = Iterable[tuple[int, int, bytes]]


class Arrival(NamedTuple):
    """When the newest bytes of a read arrived, in this process's clock.

    `stamp_ns` is the kernel's word for it (wall time); 0 without one that can be trusted, and then
    `at_ns` is the time of the read. `more` says that further bytes had arrived and were left.
    """

    at_ns: int
    stamp_ns: int = 0
    more: bool = False


class Distance(NamedTuple):
    """Wall clock less own clock; it converts what was stamped at or after `since_ns` (own clock)."""

    ns: int
    since_ns: int


def compared(held: Distance, before_ns: int, wall_ns: int, after_ns: int) -> Distance:
    """The distance by three readings, own clock, wall clock, own clock; a step begins a new one."""
    found_ns = wall_ns - (before_ns + after_ns) // 2
    stepped = abs(found_ns - held.ns) >= CLOCK_STEP_NS
    return Distance(found_ns, after_ns if stepped else held.since_ns)


def arrival(distance: Distance, read_ns: int, stamp_ns: int, *, more: bool) -> Arrival:
    """The arrival of a read at `read_ns` that the kernel stamped so, or with 0 did not stamp."""
    at_ns = stamp_ns - distance.ns
    if stamp_ns and distance.since_ns <= at_ns < read_ns + CLOCK_STEP_NS:
        return Arrival(min(at_ns, read_ns), stamp_ns, more)
    return Arrival(read_ns, 0, more)


class KernelTimes:
    """The arrivals of reads from sockets that were asked to stamp; one for all of a process."""

    def __init__(self) -> None:
        first_ns = now_ns()
        self._distance = compared(Distance(0, 0), first_ns, time.time_ns(), now_ns())

    def of(self, ancillary: Ancillary, *, full: bool) -> Arrival:
        """The arrival of a read just made; `full` says that it filled its buffer."""
        read_ns = self._look()
        stamp_ns, waiting = stamp_of(ancillary)
        return arrival(self._distance, read_ns, stamp_ns, more=full or waiting > 0)

    def _look(self) -> int:
        """Compare the clocks, and give the own clock's time."""
        for _ in range(_LOOKS):
            before_ns, wall_ns, after_ns = now_ns(), time.time_ns(), now_ns()
            if after_ns - before_ns < CLOCK_STEP_NS:  # else something else ran in between
                break
        self._distance = compared(self._distance, before_ns, wall_ns, after_ns)
        return after_ns


def stamp_of(ancillary: Ancillary) -> tuple[int, int]:
    """(the kernel's stamp or 0, bytes left behind) from what came with a read."""
    stamp_ns = waiting = 0
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPING:
            seconds, rest = _TIMESPEC.unpack_from(value)
            stamp_ns = seconds * NS_PER_S + rest
        elif level == _SOL_TCP and kind == _TCP_INQ:
            (waiting,) = _INT.unpack(value)
    return stamp_ns, waiting


def ask_for_stamps(sock: socket.socket) -> None:
    """Have a connection's bytes stamped; a refusal shows as reads without a stamp."""
    for level, option, value in (
        (socket.SOL_SOCKET, _SO_TIMESTAMPING, _RX_SOFTWARE_AND_REPORT),
        (_SOL_TCP, _TCP_INQ, 1),
    ):
        try:
            sock.setsockopt(level, option, value)
        except OSError:
            continue  # full reads and repeated stamps still tell of merged ones


@cache
def available() -> bool:
    """Whether the kernel really stamps; found out once, with bytes sent to ourselves.

    The socket stays open for the process's life: the host stamps packets only while some socket asks
    for it, and begins a moment after the first one does.
    """
    if sys.platform != "linux":
        return False
    make = monkey.get_original("socket", "socket")
    sock: socket.socket = make(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _RX_SOFTWARE_AND_REPORT)
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        if _is_stamped(sock):
            sock.detach()
            return True
    except OSError:
        pass
    sock.close()
    return False


def _is_stamped(sock: socket.socket) -> bool:
    """Whether a stamp comes with a datagram to itself, before patience ends."""
    deadline_ns = now_ns() + _PROBE_LIMIT_NS
    while now_ns() < deadline_ns:
        sock.send(b"?")
        _, ancillary, _, _ = sock.recvmsg(1, ANCILLARY_BYTES)
        if stamp_of(ancillary)[0]:
            return True
        _pause(_PROBE_PAUSE_S)
    return False
