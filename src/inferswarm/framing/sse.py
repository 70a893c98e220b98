"""Server-sent events (WHATWG HTML, "Server-sent events"): bytes with times to events with times."""

from dataclasses import dataclass, field

from inferswarm import quick

_BOM = b"\xef\xbb\xbf"
_LAST_WORDS = (b"data: [DONE]", b"data:[DONE]")


@dataclass(frozen=True, slots=True)
class Events:
    """Events that carry data, in order: item i of `data` was complete with the read of `times[i]`.

    `names` has the names of those that were given one.
    """

    times: list[int] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    names: dict[int, bytes] = field(default_factory=dict)


def read_events(pieces: list[tuple[int, bytes]]) -> Events:
    """The events in the pieces of a body, (arrival_ns, bytes) each, however they were cut.

    Lines may end in LF, CRLF or CR; comments and fields other than `data` and `event` are skipped. At
    the end of the body an event whose last line is complete counts even without the blank line after
    it.
    """
    found = Events()
    lines = _Lines()
    fields: dict[bytes, list[bytes]] = {}
    at_ns = next_piece = 0
    while next_piece < len(pieces):
        if not (fields or lines.rest) and (plain := quick.events(pieces, next_piece))[0]:
            found.times.extend(plain[0])
            found.data.extend(plain[1])
            next_piece += len(plain[0])
            lines.pass_over()
            continue
        at_ns, piece = pieces[next_piece]
        next_piece += 1
        for line in lines.feed(piece):
            if line:
                _take(line, fields)
            else:
                _end(at_ns, fields, found)
    if lines.rest in _LAST_WORDS:
        _take(lines.rest, fields)
    _end(at_ns, fields, found)
    return found


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


def _end(at_ns: int, fields: dict[bytes, list[bytes]], found: Events) -> None:
    """Keep the event that a blank line ends, if it has data."""
    if data := fields.get(b"data"):
        if name := fields.get(b"event", [b""])[-1]:
            found.names[len(found.data)] = name
        found.times.append(at_ns)
        found.data.append(b"\n".join(data))
    fields.clear()
