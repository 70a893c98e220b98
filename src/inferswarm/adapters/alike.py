"""Events of one stream that differ only in their text, found without decoding each of them."""

import re
from collections.abc import Callable, Sequence

from inferswarm import quick

_ANY_TEXT = "any text"
_TRIES = 3


def text_at(key: str) -> re.Pattern[bytes]:
    """Finds the plain string that a JSON key holds, as group 1."""
    return re.compile(rb'"%s": ?"([^"\\\x00-\x1f]+)"' % key.encode())


class Alike:
    """A pattern learned from one event and tried on those that follow.

    `places` find the string that holds an event's text; `text_of` decodes an event and gives its one
    text, or None. The pattern is the bytes around that string, checked by decoding them with another
    text between; what fits it then says the same as the event that it was learned from.
    """

    def __init__(
        self, places: Sequence[re.Pattern[bytes]], text_of: Callable[[bytes], str | None]
    ) -> None:
        self._places = places
        self._text_of = text_of
        self._before = self._after = b""
        self._tries = _TRIES if quick.BUILT else 0

    def learn(self, data: bytes) -> None:
        """Make an event that could be decoded the pattern, if it holds its text as a plain string."""
        for place in self._places if self._tries else ():
            if found := place.search(data):
                self._tries -= 1
                before, after = data[: found.start(1)], data[found.end(1) :]
                if self._text_of(before + _ANY_TEXT.encode() + after) == _ANY_TEXT:
                    self._before, self._after = before, after
                    return

    def follow(self, data: list[bytes], start: int) -> int:
        """How many events from `start` on are like the one that was learned."""
        return quick.alike(data, start, self._before, self._after) if self._before else 0
