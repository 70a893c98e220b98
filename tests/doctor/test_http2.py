"""Facts about one call over HTTP/2: what is sent, what is an answer, and what is replied."""

import pytest

from inferswarm.doctor.http2 import OneCall
from inferswarm.framing.http2 import (
    ACK,
    END_HEADERS,
    END_STREAM,
    PREFACE,
    Kind,
    frame,
    header_frames,
    settings,
)
from tests.builders import splits

HEAD = frame(Kind.HEADERS, END_HEADERS, 1, b"h")
BODY = frame(Kind.DATA, 0, 1, b"body")
TRAILERS = frame(Kind.HEADERS, END_HEADERS | END_STREAM, 1, b"t")


def test_a_request_is_one_stream_after_the_greeting() -> None:
    """The head's frames get the stream's number, and the body ends it."""
    wire = header_frames(0, [("a", "b")]) + b"body"
    sent = OneCall().opening(wire)

    assert sent.startswith(PREFACE)
    assert sent.endswith(frame(Kind.DATA, END_STREAM, 1, b"body"))
    assert header_frames(1, [("a", "b")]) in sent


def test_an_answer_is_the_frames_of_its_stream_however_they_are_cut() -> None:
    """Settings and pings are replied to and kept apart; the end of the stream is the end."""
    ping = frame(Kind.PING, 0, 0, b"12345678")
    for reads in splits(settings({}) + HEAD + ping + BODY + TRAILERS):
        call = OneCall()
        heard = [call.hear(read) for read in reads]
        assert b"".join(kept for kept, _ in heard) == HEAD + BODY + TRAILERS
        replies = frame(Kind.SETTINGS, ACK, 0) + frame(Kind.PING, ACK, 0, b"12345678")
        assert b"".join(reply for _, reply in heard) == replies
        assert (call.over, call.lost) == (True, "")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (frame(Kind.RST_STREAM, 0, 1, b"\0\0\0\7"), "REFUSED_STREAM"),
        (frame(Kind.GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\1"), "PROTOCOL_ERROR"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1"),
    ],
)
def test_a_call_that_is_lost_says_why(data: bytes, why: str) -> None:
    """Reset, gone away, or not HTTP/2 at all."""
    call = OneCall()
    call.hear(data)
    assert call.over
    assert why in call.lost
