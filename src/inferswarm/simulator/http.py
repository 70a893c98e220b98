"""Rendering of HTTP/1.1 answers, in the manner of uvicorn (header order and case included)."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from inferswarm.simulator.generation import Reply

Headers = tuple[tuple[str, str], ...]

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
INVALID_REQUEST = b"Invalid HTTP request received."


@lru_cache(maxsize=2)
def _date(unix_s: int) -> str:
    return formatdate(unix_s, usegmt=True)


@lru_cache(maxsize=256)
def _head(unix_s: int, status: int, headers: Headers) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"date: {_date(unix_s)}", "server: uvicorn"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def stream_head(headers: Headers, *, keep_alive: bool) -> bytes:
    """Head of an answer whose body is chunked; so also for HTTP/1.0, as uvicorn does."""
    close: Headers = () if keep_alive else (("connection", "close"),)
    ending: Headers = (("transfer-encoding", "chunked"),)
    return _head(int(time.time()), 200, headers + close + ending)


def whole(reply: Reply, *, keep_alive: bool, with_body: bool = True) -> bytes:
    """Head and body of an answer of known length; an answer to HEAD is `with_body=False`."""
    close: Headers = () if keep_alive else (("connection", "close"),)
    head = _head(int(time.time()), reply.status, reply.headers + close)
    return head + reply.body if with_body else head


def chunk(event: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(event), event)


def invalid_request() -> bytes:
    """The answer to bytes that are not HTTP."""
    headers = (
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(len(INVALID_REQUEST))),
    )
    return whole(Reply(400, headers, INVALID_REQUEST), keep_alive=False)
