"""One clock for every timestamp of a process.

`now_ns` runs with CLOCK_MONOTONIC and is anchored once, at import, to the Unix epoch: differences
are immune to steps of the wall clock, and stamps of several processes share one timeline as well as
their wall clocks agree. All fields named `*_ns` that are instants are readings of this clock.
"""

import time

_ANCHOR_TRIES = 9


def _anchor_ns() -> int:
    """Unix time minus monotonic time, from the tightest of several readings."""
    best_width, best = 1 << 62, 0
    for _ in range(_ANCHOR_TRIES):
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        if after - before < best_width:
            best_width, best = after - before, wall - (before + after) // 2
    return best


ANCHOR_NS = _anchor_ns()


def now_ns() -> int:
    """Nanoseconds since the Unix epoch, steady."""
    return time.monotonic_ns() + ANCHOR_NS
