"""What the master says to the process that drives it."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import gevent
import msgspec

RETRY_S = 0.05
PASSING = ("snapshot", "counted")
"""Events that newer ones make good."""


class Mouth:
    """Events for the driving process, which may be slow or suspended: the load never waits for it.

    Events of `PASSING` that it has no room for are dropped, all others are kept until it reads on.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unsaid = b""
        self._insisting: gevent.Greenlet[..., None] | None = None
        self.overheard: Callable[[str, Mapping[str, Any]], None] = lambda *_: None
        """Hears every event too."""
        os.set_blocking(fd, False)

    def say(self, event: str, **data: Any) -> None:
        """One event, as a line of JSON."""
        self.overheard(event, data)
        self._push()
        if event not in PASSING or not self._unsaid:
            self._unsaid += msgspec.json.encode({"event": event, **data}) + b"\n"
            self._push()

    def finish(self, listening: Callable[[], bool]) -> None:
        """Wait until all is said, or nobody is `listening` any more."""
        while self._unsaid and listening():
            gevent.sleep(RETRY_S)

    def _push(self) -> None:
        try:
            while self._unsaid:
                self._unsaid = self._unsaid[os.write(self._fd, self._unsaid) :]
        except BlockingIOError:
            if not self._insisting:
                self._insisting = gevent.spawn(self._insist)
        except OSError:
            self._unsaid = b""  # the driving process is gone; the end of our input says so too

    def _insist(self) -> None:
        """What there was no room for is said later, also when nothing more happens."""
        while self._unsaid:
            gevent.sleep(RETRY_S)
            self._push()
