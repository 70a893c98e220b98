"""HTTP/1.x answers: when one has ended, and what it holds. Heads and chunks are read by llhttp."""

from dataclasses import dataclass, field
from enum import Enum

import httptools

from inferswarm import quick
from inferswarm.exchange import Tape

_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_PLAIN_TRIES = 4


@dataclass(slots=True)
class Response:
    """One answer: `pieces` are (arrival_ns, bytes) of the body with the chunk framing taken off.

    `trailers` are the headers after the body, where HTTP/2 has them.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    head_ns: int | None = None
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    complete: bool = False
    error: str = ""
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(piece for _, piece in self.pieces)

    @property
    def is_event_stream(self) -> bool:
        """Whether the server declares server-sent events."""
        return self.headers.get("content-type", "").lower().startswith("text/event-stream")


class _Listener:
    """What llhttp calls while it reads one connection's bytes.

    `response` is the final answer; interim ones (1xx) before it and bytes after it are read but do
    not touch it.
    """

    def __init__(self, *, keep: bool = True) -> None:
        """Without `keep` pieces of the body are counted and dropped."""
        self._keep = keep
        self.body_bytes = 0
        self.response = self._open = Response()
        self._open_keeps_alive = False
        self.now_ns = 0
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self._open = Response()
        if not self.response.complete:
            self.response = self._open

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        held = self._open.headers.get(key)
        self._open.headers[key] = f"{held}, {text}" if held else text

    def on_headers_complete(self) -> None:
        self._open.status = self.parser.get_status_code()
        self._open.head_ns = self.now_ns

    def on_body(self, piece: bytes) -> None:
        self.body_bytes += len(piece)
        if self._keep:
            self._open.pieces.append((self.now_ns, piece))

    def on_message_complete(self) -> None:
        self._open.complete = self._open.status >= 200
        self._open_keeps_alive = self.parser.should_keep_alive()

    @property
    def may_continue(self) -> bool:
        """Whether the connection can carry another request."""
        return self._open is self.response and self._open_keeps_alive

    def feed(self, data: bytes) -> None:
        """Read on; what cannot be read is kept as `response.error`."""
        if self.response.complete or self.response.error:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.response.error = "the server switched protocols"
        except httptools.HttpParserError as error:
            if not self.response.complete:
                self.response.error = str(error) or type(error).__name__


class _Body(Enum):
    UNKNOWN = 0
    LENGTH = 1
    CHUNKED = 2
    UNTIL_CLOSE = 3


class EndFinder:
    """Tells when an answer that is still arriving has ended, as cheaply as possible.

    Bytes are only looked at closely when they could be the last: until then a read costs one
    comparison, whatever the answer holds.
    """

    def __init__(self) -> None:
        self._listener = _Listener(keep=False)
        self._parts: list[bytes] = []
        self._unread = 0
        self._plain_tries = _PLAIN_TRIES
        self._tail = b""
        self._body = _Body.UNKNOWN
        self._missing = 0
        self.keep_alive = False

    def feed(self, data: bytes) -> bool:
        """Take in one read; True when the answer is complete or cannot be HTTP."""
        self._parts.append(data)
        seam = self._tail + data
        self._tail = seam[-3:]
        self._missing -= len(data)
        if not self._may_be_last(seam):
            return False
        if self._is_plain_end(data):
            return True
        self._listener.feed(b"".join(self._parts[self._unread :]))
        self._unread = len(self._parts)
        response = self._listener.response
        if response.complete or response.error:
            self.keep_alive = response.complete and self._listener.may_continue
            return True
        if response.head_ns is not None and response.status >= 200:
            self._learn(response)
        return False

    def _is_plain_end(self, data: bytes) -> bool:
        """Whether the reads make a whole answer of the plainest kind, which needs no llhttp."""
        if self._body is _Body.CHUNKED and not data.endswith(_LAST_CHUNK):
            return False
        self._plain_tries -= 1
        if self._plain_tries < 0:
            return False  # what looks like an end again and again must not be read again and again
        whole = b"".join(self._parts)
        plain = quick.response(whole, [len(whole)], [0])
        if plain is not None:
            self.keep_alive = "close" not in plain[1].get("connection", "").lower()
        return plain is not None

    @property
    def until_close(self) -> bool:
        """Whether the answer ends when the server closes, so that an end of file is its proper end."""
        return self._body is _Body.UNTIL_CLOSE

    def _may_be_last(self, seam: bytes) -> bool:
        """`seam` is the newest read with the last bytes before it."""
        match self._body:
            case _Body.UNKNOWN:
                return True
            case _Body.LENGTH:
                return self._missing <= 0
            case _Body.CHUNKED:
                return _HEAD_END in seam
            case _Body.UNTIL_CLOSE:
                return False

    def _learn(self, response: Response) -> None:
        """Decide from the head how the end will show."""
        if "chunked" in response.headers.get("transfer-encoding", "").lower():
            self._body = _Body.CHUNKED
        elif "content-length" in response.headers:
            self._body = _Body.LENGTH
            self._missing = int(response.headers["content-length"]) - self._listener.body_bytes
        else:
            self._body = _Body.UNTIL_CLOSE


def read_response(tape: Tape, *, closed: bool) -> Response:
    """The answer on a tape, each piece of its body with the arrival time of its read.

    `closed` says that the server ended the connection after the last byte, which is the proper end of
    an answer without a declared length. Never raises: bytes that are not HTTP end in `Response.error`.
    """
    plain = quick.response(tape.data, tape.ends, tape.arrived_ns)
    if plain is not None:
        return Response(*plain, complete=True)
    return _read_closely(tape, closed=closed)


def _read_closely(tape: Tape, *, closed: bool) -> Response:
    """The same by llhttp, for any bytes."""
    listener = _Listener()
    start = 0
    for at, end in zip(tape.arrived_ns, tape.ends, strict=True):
        listener.now_ns = at
        listener.feed(tape.data[start:end])
        start = end
    response = listener.response
    if closed and response.status >= 200 and not response.complete and not response.error:
        declared = "content-length" in response.headers or "transfer-encoding" in response.headers
        response.complete = not declared
    return response
