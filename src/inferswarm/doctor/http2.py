"""One request on one HTTP/2 connection: what to send, and which of the bytes are its answer."""

from inferswarm.framing.http2 import (
    ACK,
    END_HEADERS,
    END_STREAM,
    GREETING,
    HEAD_BYTES,
    LARGEST_FRAME,
    Kind,
    error_name,
    frame,
    number,
    unreadable,
)

_STREAM = 1


class OneCall:
    """A client's duties while one short request is answered.

    `over` tells that the answer is whole or that there will be none; `lost` why not.
    """

    def __init__(self) -> None:
        self.over = False
        self.lost = ""
        self._rest = b""

    def opening(self, wire: bytes) -> bytes:
        """All that is sent for a request: `wire` as `target.GrpcWire` makes it, its body short."""
        parts, at, flags = [GREETING], 0, 0
        while not flags & END_HEADERS:
            flags, end = wire[at + 4], at + HEAD_BYTES + number(wire[at : at + 3])
            parts.append(frame(Kind(wire[at + 3]), flags, _STREAM, wire[at + HEAD_BYTES : end]))
            at = end
        return b"".join(parts) + frame(Kind.DATA, END_STREAM, _STREAM, wire[at:])

    def hear(self, data: bytes) -> tuple[bytes, bytes]:
        """(the whole frames of the answer, what to reply) of one read."""
        self._rest += data
        kept, reply = b"", b""
        while not self.over and len(self._rest) >= HEAD_BYTES:
            size = number(self._rest[:3])
            if size > LARGEST_FRAME:
                self.over, self.lost = True, unreadable(self._rest)
                break
            if len(self._rest) < HEAD_BYTES + size:
                break
            whole, self._rest = self._rest[: HEAD_BYTES + size], self._rest[HEAD_BYTES + size :]
            if number(whole[5:9]) == _STREAM and whole[3] in _ANSWERING:
                kept += whole
                self.over = bool(whole[4] & END_STREAM)
            else:
                reply += self._heed(whole[3], whole[4], whole[HEAD_BYTES:])
        return kept, reply

    def _heed(self, kind: int, flags: int, payload: bytes) -> bytes:
        """What to reply to a frame that is no part of an answer."""
        if kind == Kind.SETTINGS and not flags & ACK:
            return frame(Kind.SETTINGS, ACK, 0)
        if kind == Kind.PING and not flags & ACK:
            return frame(Kind.PING, ACK, 0, payload)
        if kind in (Kind.RST_STREAM, Kind.GOAWAY):
            code = number(payload[:4] if kind == Kind.RST_STREAM else payload[4:8])
            if kind == Kind.RST_STREAM or code:
                self.over, self.lost = True, f"the server gave up the call: {error_name(code)}"
        return b""


_ANSWERING = (Kind.DATA, Kind.HEADERS, Kind.CONTINUATION)
