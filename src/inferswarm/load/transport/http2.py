"""HTTP/2 on one connection, one stream at a time: the duties of a client, while bytes arrive.

Only the heads of frames are looked at. A tape gets the whole DATA and HEADERS frames of its own
stream; what else comes (settings, pings, windows) is answered at once and forgotten.
"""

from inferswarm.framing.http2 import (
    ACK,
    END_HEADERS,
    END_STREAM,
    FIRST_WINDOW,
    GREETING,
    HEAD_BYTES,
    LARGEST_FRAME,
    REFUSED_STREAM,
    Kind,
    Setting,
    error_name,
    frame,
    number,
    read_settings,
    window_update,
)

_LARGEST_DEBT = 1 << 30
_SETTINGS_ACK = frame(Kind.SETTINGS, ACK, 0)
_ID_AT = 5
_PING_BYTES = 8
_STREAM_BITS = (1 << 31) - 1


class Http2Talk:
    """See `talk.Talk`. A request is the frames of its head, with stream 0, and then its body."""

    replies = True
    until_close = False

    def __init__(self) -> None:
        self.begin()
        self.broken = False
        self._greeted = self._closing = False
        self._stream = -1
        self._rest = b""
        self._out: list[bytes] = []
        self._heard = 0
        self._body = memoryview(b"")
        self._window = self._first_window = self._stream_window = FIRST_WINDOW

    @property
    def usable(self) -> bool:
        """Not when the server said that it goes away."""
        return not self._closing

    @property
    def keep_alive(self) -> bool:
        """Whether a whole answer came and the server stays."""
        return self.over and not (self._closing or self.broken)

    def begin(self) -> None:
        """Nothing is of an answer before its stream is open."""
        self.over = self.refused = self.unsent = self._ending = False
        self.lost = ""
        self._mine = b""

    def request(self, wire: bytes) -> bytes:
        """Open the next stream; of the body goes what the server has room for."""
        self._stream += 2
        self._mine = self._stream.to_bytes(4, "big")
        if not self._greeted:
            self._out.insert(0, GREETING)
            self._greeted = True
        elif self._heard:
            self._out.append(window_update(0, self._heard))
        self._heard = 0
        self._stream_window = self._first_window
        self._body = memoryview(wire)[self._open_stream(wire) :]
        self.unsent = True
        self._send_body()
        return self.say()

    def hear(self, data: bytes, *, awaited: bool) -> bytes:
        """Give the whole frames of the stream; an incomplete one waits for its rest."""
        if self.broken:
            return b""
        if self._rest:
            data = self._rest + data
        elif awaited and self._is_one_more(data):
            return data
        at, size = 0, len(data)
        kept: list[bytes] = []
        while size - at >= HEAD_BYTES and not self.broken:
            end = at + HEAD_BYTES + number(data[at : at + 3])
            if end - at > HEAD_BYTES + LARGEST_FRAME:
                self.broken = self.over = True
                kept.append(data[at:])
            if end > size:
                break
            if self._belongs(data, at, end) and awaited:
                kept.append(data[at:end])
            at = end
        self._rest = data[at:]
        return b"".join(kept)

    def say(self) -> bytes:
        """Acknowledgements, windows, and of the body what there is room for by now."""
        if not self._out or not self._greeted:
            return b""
        out, self._out = b"".join(self._out), []
        return out

    def _is_one_more(self, data: bytes) -> bool:
        """Whether a read is one DATA frame of the stream and not its last, as nearly all are."""
        if len(data) < HEAD_BYTES or data[3] or data[4] & END_STREAM or self.over or self.lost:
            return False
        length = len(data) - HEAD_BYTES
        if number(data[:3]) != length or data[_ID_AT:HEAD_BYTES] != self._mine:
            return False
        if length > LARGEST_FRAME:
            return False
        self._count(length)
        return True

    def _belongs(self, data: bytes, at: int, end: int) -> bool:
        """Do what a whole frame asks for; True for one of the answer."""
        kind, flags, start = data[at + 3], data[at + 4], at + HEAD_BYTES
        stream = data[at + _ID_AT : start]
        if kind == Kind.DATA:
            self._count(end - start)
        if stream != self._mine:
            if stream == b"\0\0\0\0":
                self._manage(kind, flags, data[start:end])
            return False
        if self.over or self.lost:
            return False
        if kind in (Kind.DATA, Kind.HEADERS, Kind.CONTINUATION):
            self._follow(kind, flags)
            return True
        if kind == Kind.RST_STREAM:
            code = number(data[start : start + 4])
            self.lost = f"the server reset the stream: {error_name(code)}"
            self.refused = code == REFUSED_STREAM
        elif kind == Kind.WINDOW_UPDATE:
            self._stream_window += number(data[start : start + 4]) & _STREAM_BITS
            self._send_body()
        return False

    def _follow(self, kind: int, flags: int) -> None:
        """See whether a frame of the answer is its last: a head may go on after END_STREAM."""
        if kind != Kind.CONTINUATION:
            self._ending = bool(flags & END_STREAM)
        if self._ending and (kind == Kind.DATA or flags & END_HEADERS):
            self.over = True

    def _manage(self, kind: int, flags: int, payload: bytes) -> None:
        """A frame of the connection."""
        if kind == Kind.SETTINGS and not flags & ACK:
            for key, value in read_settings(payload):
                if key == Setting.INITIAL_WINDOW_SIZE:
                    self._stream_window += value - self._first_window
                    self._first_window = value
            self._out.append(_SETTINGS_ACK)
            self._send_body()
        elif kind == Kind.PING and not flags & ACK:
            self._out.append(frame(Kind.PING, ACK, 0, payload[:_PING_BYTES]))
        elif kind == Kind.WINDOW_UPDATE:
            self._window += number(payload[:4]) & _STREAM_BITS
            self._send_body()
        elif kind == Kind.GOAWAY:
            self._closing = True
            last, code = number(payload[:4]) & _STREAM_BITS, number(payload[4:8])
            if last < self._stream and not self.over:
                self.lost = f"the server goes away: {error_name(code)}"
                self.refused = True

    def _count(self, length: int) -> None:
        """Give back what an answer took of the windows, before they could run out."""
        self._heard += length
        if self._heard >= _LARGEST_DEBT:
            self._out += [window_update(stream, self._heard) for stream in (0, self._stream)]
            self._heard = 0

    def _open_stream(self, wire: bytes) -> int:
        """Send the frames at the start of a request; gives where its body begins."""
        at, flags = 0, 0
        while not flags & END_HEADERS:
            flags, end = wire[at + 4], at + HEAD_BYTES + number(wire[at : at + 3])
            self._out += [wire[at : at + _ID_AT], self._mine, wire[at + HEAD_BYTES : end]]
            at = end
        return at

    def _send_body(self) -> None:
        """Send of the request's body what the windows allow."""
        while self.unsent:
            left = len(self._body)
            length = min(left, LARGEST_FRAME, self._window, self._stream_window)
            if length <= 0 and left:
                return
            self.unsent = length < left
            flags = 0 if self.unsent else END_STREAM
            self._out.append(frame(Kind.DATA, flags, self._stream, bytes(self._body[:length])))
            self._body = self._body[length:]
            self._window -= length
            self._stream_window -= length
