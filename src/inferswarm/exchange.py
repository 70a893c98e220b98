"""What the transport hands on: one exchange with the server, as bytes and arrival times."""

from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Literal

Framing = Literal["http1", "http2"]
"""What the bytes of an exchange are: HTTP/1.1, or the frames of one stream of HTTP/2."""


class Outcome(StrEnum):
    """How one attempted request ended; every arrival ends in exactly one of these."""

    OK = "ok"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT_CONNECT = "timeout_connect"
    TIMEOUT_FIRST_BYTE = "timeout_first_byte"
    TIMEOUT_IDLE = "timeout_idle"
    TIMEOUT_TOTAL = "timeout_total"
    HTTP_STATUS = "http_status"
    STREAM_ERROR = "stream_error"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    BAD_FRAME = "bad_frame"
    CANCELLED = "cancelled"


OUTCOME_SENTENCES = {
    Outcome.OK: "A complete answer with at least one token.",
    Outcome.CONNECT: "No connection: refused (by a proxy too), unreachable, or an unknown name.",
    Outcome.TLS: "TLS failed, in the handshake or after it.",
    Outcome.TIMEOUT_CONNECT: "Connecting took longer than `timeouts.connect`.",
    Outcome.TIMEOUT_FIRST_BYTE: "No byte of an answer within `timeouts.first_byte`.",
    Outcome.TIMEOUT_IDLE: "The answer fell silent for `timeouts.idle`.",
    Outcome.TIMEOUT_TOTAL: "The whole request took longer than `timeouts.total`.",
    Outcome.HTTP_STATUS: "The server answered with another status than 2xx.",
    Outcome.STREAM_ERROR: "An error object came inside an answer with status 200.",
    Outcome.TRUNCATED: "The answer ended without its proper end, or never began.",
    Outcome.EMPTY: "A proper answer without a single token.",
    Outcome.BAD_FRAME: "Bytes that are not the HTTP, event or JSON they should be.",
    Outcome.CANCELLED: "Cut by the end of the run, after the grace period if there was time for one.",
}


def meaning(kind: str) -> str:
    """What a counted kind of outcome means, such as `timeout_idle` or `http_429`, in a sentence."""
    if kind.startswith("http_") and kind != Outcome.HTTP_STATUS:
        status = int(kind.removeprefix("http_"))
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "unknown status"
        return f"The server answered {status} ({phrase})."
    return OUTCOME_SENTENCES[Outcome(kind)]


@dataclass(frozen=True, slots=True)
class Tape:
    """The bytes of one answer as they came, and when.

    `arrived_ns[i]` is the instant of read i, `ends[i]` the count of bytes after it (so read i brought
    `data[ends[i-1]:ends[i]]`). A read is merged when it may hold bytes of several arrivals: its time
    is right for the last of them and a bound for the earlier ones. `merged` counts those that the
    recorder knows of; what the bytes themselves tell is added when they are read. `unstamped`
    counts reads whose time is the reader's own clock, not the kernel's.
    """

    data: bytes = b""
    arrived_ns: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    merged: int = 0
    unstamped: int = 0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request sent (or tried) and what came back; instants are `clock.now_ns` readings.

    `sent_ns` is the instant just before the request's first byte was written, of the last try;
    0 when nothing was written. `failure` is what the transport saw go wrong; None means that the
    answer on the tape is complete as HTTP.
    """

    due_ns: int
    sent_ns: int
    end_ns: int
    tape: Tape = Tape()
    failure: Outcome | None = None
    detail: str = ""
    connect_ns: int | None = None
    tls_ns: int | None = None
    reused: bool = False
    address: str = ""
    retries: int = 0
    bytes_out: int = 0
    framing: Framing = "http1"
