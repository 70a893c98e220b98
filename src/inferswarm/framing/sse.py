"""Server-sent events (WHATWG HTML, "Server-sent events"): bytes with times to events with times."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_LAST_WORDS = (b"data: [DONE]", b"data:[DONE]")


class Event(NamedTuple):
    """The data and the name of one event, and the arrival of the read that completed it."""

    at_ns: int
    data: bytes
    name: bytes = b""


def events(pieces: Iterable[tuple[int, bytes]]) -> Iterator[Event]:
    """Events that carry data, from the pieces of a body however they were cut.

    Lines may end in LF, CRLF or CR; comments and fields other than `data` are skipped. At the end of
    the body an event whose last line is complete counts even without the blank line after it.
    """
    lines = _Lines()
    fields: dict[bytes, list[bytes]] = {}
    at_ns = 0
    for at_ns, piece in pieces:
        # Just `data: ...` and a blank line, as servers mostly write them, needs no cutting.
        if (
            not fields
            and piece.find(b"\n") == len(piece) - 2
            and piece.startswith(b"data: ")
            and piece.endswith(b"\n\n")
            and b"\r" not in piece
            and not lines.rest
        ):
            lines.pass_over()
            yield Event(at_ns, piece[6:-2])
            continue
        for line in lines.feed(piece):
            if line:
                _take(line, fields)
            else:
                yield from _event(at_ns, fields)
                fields.clear()
    if lines.rest in _LAST_WORDS:
        _take(lines.rest, fields)
    yield from _event(at_ns, fields)


class _Lines:
    """Cuts bytes into lines; `rest` is the last one while it has no end yet."""

    def __init__(self) -> None:
        self.rest = b""
        self._first = True
        self._after_cr = False

    def pass_over(self) -> None:
        """A piece of whole lines, ended by LF, was read without us."""
        self._first = self._after_cr = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that end in this piece."""
        if b"\r" in piece or self._after_cr:
            piece = self._normalised(piece)
        buffer = self.rest + piece
        if self._first and (len(buffer) >= len(_BOM) or b"\n" in buffer):
            self._first = False
            buffer = buffer.removeprefix(_BOM)
        *whole, self.rest = buffer.split(b"\n")
        return whole

    def _normalised(self, piece: bytes) -> bytes:
        """CRLF and CR as LF; a CR that ended the last piece already did its work."""
        if self._after_cr and piece[:1] == b"\n":
            piece = piece[1:]
        self._after_cr = piece[-1:] == b"\r"
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _take(line: bytes, fields: dict[bytes, list[bytes]]) -> None:
    """Keep the value of a `data` or `event` line."""
    name, _, value = line.partition(b":")
    if name in (b"data", b"event"):
        fields.setdefault(name, []).append(value.removeprefix(b" "))


def _event(at_ns: int, fields: dict[bytes, list[bytes]]) -> Iterator[Event]:
    """The event that a blank line ends, if it has data."""
    if data := fields.get(b"data"):
        yield Event(at_ns, b"\n".join(data), fields.get(b"event", [b""])[-1])
