"""Cuts a stream of JSON into its objects: of one huge array, or one after another, or a line each."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from inferswarm.errors import InputError

MOST_BYTES = 256 << 20
"""An object larger than this is none of ours."""
_PIECE_BYTES = 1 << 20
# Up to the next brace outside of strings. A string that the buffer cuts stops it at its quote.
# Without possessive quantifiers, which Python 3.11 before 3.11.5 matches wrongly.
_TO_BRACE = re.compile(rb'[^"{}]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^"{}]*)*([{}]?)', re.DOTALL)


class Scanner:
    """Finds the objects of a stream; what stands between them is not looked at.

    Holds one object and one piece of the stream at a time. `ended` says, afterwards, whether the last
    object was complete.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._buffer = bytearray()
        self.ended = True

    def objects(self) -> Iterator[bytes]:
        """Each object's own bytes. Raises InputError for one beyond MOST_BYTES."""
        depth = start = at = 0
        while True:
            found = _TO_BRACE.match(self._buffer, at)
            assert found is not None, "the pattern matches nothing as well"
            at, brace = found.end(), found[1]
            del found  # else the buffer could not be resized
            if brace == b"{":
                start = at - 1 if depth == 0 else start
                depth += 1
            elif brace == b"}" and depth:
                depth -= 1
                if depth == 0:
                    yield bytes(memoryview(self._buffer)[start:at])
                    start = at
            elif not brace:
                done = start if depth else at
                if not self._more(done):
                    self.ended = depth == 0
                    return
                at, start = at - done, start - done if depth else 0

    def _more(self, done: int) -> bool:
        """Drop `done` bytes and read as much as is held, so that long objects cost no more."""
        del self._buffer[:done]
        if len(self._buffer) > MOST_BYTES:
            raise InputError(
                f"{self._name}: an object of more than {MOST_BYTES >> 20} MiB; it is no list of "
                "conversations or rows"
            )
        piece = self._file.read(max(_PIECE_BYTES, len(self._buffer)))
        self._buffer += piece
        return bool(piece)
