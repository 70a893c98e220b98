"""HTTP/2 (RFC 9113): frames, and the answer that those of one stream hold.

Headers are read without memory of earlier answers: who asks must have set `HEADER_TABLE_SIZE` to 0.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from hpack import Decoder, Encoder, HPACKError

from inferswarm.exchange import Tape
from inferswarm.framing.http1 import Response

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES = 9
LARGEST_FRAME = 1 << 14  # what every endpoint takes, and all that we take
FIRST_WINDOW = 65_535
LARGEST_WINDOW = (1 << 31) - 1
_STREAM_BITS = (1 << 31) - 1

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
_PADDED = 0x8
_PRIORITY = 0x20
_PRIORITY_BYTES = 5


class Kind(IntEnum):
    """Types of frames."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Setting(IntEnum):
    """Parameters of a connection."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5


_ERRORS = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
    "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
    "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip
REFUSED_STREAM = _ERRORS.index("REFUSED_STREAM")


def error_name(code: int) -> str:
    """What RST_STREAM and GOAWAY call a code."""
    return _ERRORS[code] if code < len(_ERRORS) else f"error {code}"


def number(data: bytes) -> int:
    """An unsigned number as frames carry it."""
    return int.from_bytes(data, "big")


def frame(kind: Kind, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return b"%b%c%c%b%b" % (
        len(payload).to_bytes(3, "big"), kind, flags, stream.to_bytes(4, "big"), payload,
    )  # fmt: skip


def settings(values: dict[Setting, int]) -> bytes:
    """A SETTINGS frame."""
    pairs = (key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in values.items())
    return frame(Kind.SETTINGS, 0, 0, b"".join(pairs))


def read_settings(payload: bytes) -> Iterator[tuple[int, int]]:
    """(parameter, value) of a SETTINGS frame, in order."""
    for at in range(0, len(payload) - 5, 6):
        yield number(payload[at : at + 2]), number(payload[at + 2 : at + 6])


def window_update(stream: int, more: int) -> bytes:
    """A WINDOW_UPDATE frame; `more` is at least 1."""
    return frame(Kind.WINDOW_UPDATE, 0, stream, more.to_bytes(4, "big"))


# Windows so large that the server never waits for us. Without a table of headers each answer can be
# read without those before it.
GREETING = (
    PREFACE
    + settings(
        {
            Setting.HEADER_TABLE_SIZE: 0,
            Setting.ENABLE_PUSH: 0,
            Setting.INITIAL_WINDOW_SIZE: LARGEST_WINDOW,
        }
    )
    + window_update(0, LARGEST_WINDOW - FIRST_WINDOW)
)
"""What a client says first; it never holds a server back, whatever the length of an answer."""


def header_frames(stream: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """A HEADERS frame, with CONTINUATIONs where it is too long for one, that ends no stream.

    Nothing in it is to be remembered or indexed by who reads it.
    """
    block = Encoder().encode([(name, value, True) for name, value in headers], huffman=False)
    parts = [block[at : at + LARGEST_FRAME] for at in range(0, len(block), LARGEST_FRAME)]
    kinds = [Kind.HEADERS] + [Kind.CONTINUATION] * (len(parts) - 1)
    flags = [0] * (len(parts) - 1) + [END_HEADERS]
    return b"".join(
        frame(kind, flag, stream, part)
        for kind, flag, part in zip(kinds, flags, parts, strict=True)
    )


class Frame(NamedTuple):
    """A whole frame, and the instant of the read that completed it."""

    at_ns: int
    kind: int
    flags: int
    payload: bytes

    def content(self) -> bytes:
        """The payload of DATA or HEADERS without padding and priority; raises ValueError."""
        start, end = 0, len(self.payload)
        if self.flags & _PADDED:
            if not self.payload:
                raise ValueError("padding without its length")
            start, end = 1, end - self.payload[0]
        if self.kind == Kind.HEADERS and self.flags & _PRIORITY:
            start += _PRIORITY_BYTES
        if start > end:
            raise ValueError("more padding than payload")
        return self.payload[start:end] if start or end < len(self.payload) else self.payload


def read_response(tape: Tape, *, closed: bool) -> Response:
    """The answer that the frames on a tape hold, each piece of its body a DATA frame's.

    `closed` changes nothing: an answer says itself that it ends. Never raises: bytes that are no
    HTTP/2 end in `Response.error`.
    """
    del closed
    reader = _Reader()
    try:
        for one in _frames(tape):
            reader.take(one)
            if reader.response.complete:
                break
    except (ValueError, IndexError, HPACKError) as error:
        reader.response.error = str(error) or type(error).__name__
    return reader.response


def _frames(tape: Tape) -> Iterator[Frame]:
    data, ends = tape.data, tape.ends
    at, read = 0, 0
    while at + HEAD_BYTES <= len(data):
        start, end = at + HEAD_BYTES, at + HEAD_BYTES + number(data[at : at + 3])
        if end - start > LARGEST_FRAME:
            raise ValueError(unreadable(data[at:]))
        if end > len(data):
            return
        while ends[read] < end:
            read += 1
        yield Frame(tape.arrived_ns[read], data[at + 3], data[at + 4], data[start:end])
        at = end


def unreadable(data: bytes) -> str:
    """Why these bytes can be no frame."""
    if data.startswith(b"HTTP/1."):
        return "the server speaks HTTP/1 there, not HTTP/2; is it the right port?"
    return f"a frame of {number(data[:3])} bytes, {LARGEST_FRAME} at most are allowed"


class _Reader:
    """Takes the frames of one answer, in order."""

    def __init__(self) -> None:
        self.response = Response()
        self._decoder = Decoder()
        self._block: list[bytes] = []
        self._last = False

    def take(self, one: Frame) -> None:
        """Raises ValueError, IndexError or HPACKError for what cannot be."""
        if one.kind == Kind.DATA:
            self.response.pieces.append((one.at_ns, one.content()))
            self.response.complete = bool(one.flags & END_STREAM)
        elif one.kind == Kind.HEADERS:
            self._block = [one.content()]
            self._last = bool(one.flags & END_STREAM)
            self._end_block(one)
        elif one.kind == Kind.CONTINUATION:
            self._block.append(one.payload)
            self._end_block(one)

    def _end_block(self, one: Frame) -> None:
        if not one.flags & END_HEADERS:
            return
        found = _headers(self._decoder, b"".join(self._block))
        response = self.response
        if response.head_ns is not None:
            response.trailers = found
        else:
            status = found.pop(":status", "")
            if not (len(status) == 3 and status.isascii() and status.isdigit()):
                raise ValueError(f"no status: {status[:20]!r}")
            if int(status) < 200:
                return
            response.status, response.headers = int(status), found
            response.head_ns = one.at_ns
        response.complete = self._last


def _headers(decoder: Decoder, block: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in decoder.decode(block, raw=True):
        key, text = bytes(name).decode("latin-1"), bytes(value).decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
