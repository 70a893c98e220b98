"""Trying again what a store could not do just now."""

import time
from collections.abc import Callable
from typing import TypeVar

from inferswarm.stores.errors import StoreError

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 20.0
PATIENCE_S = 30.0
"""How long one file is tried at the end of a run, before the run goes without."""
ResultT = TypeVar("ResultT")


class Pauses:
    """Pauses between tries, each twice the last up to a bound."""

    def __init__(self) -> None:
        self._next_s = FIRST_PAUSE_S

    def take(self) -> float:
        """The next pause, in seconds."""
        pause_s, self._next_s = self._next_s, min(2 * self._next_s, LONGEST_PAUSE_S)
        return pause_s


def retried(
    action: Callable[[], ResultT],
    patience_s: float,
    told: Callable[[StoreError], None] = lambda _: None,
) -> ResultT:
    """What `action` gives, tried again for `patience_s` while its StoreError is `retryable`.

    `told` hears of each try that failed and is not the last.
    """
    until_s = time.monotonic() + patience_s
    waiting = Pauses()
    while True:
        try:
            return action()
        except StoreError as error:
            pause_s = waiting.take()
            if not error.retryable or time.monotonic() + pause_s > until_s:
                raise
            told(error)
        time.sleep(pause_s)
