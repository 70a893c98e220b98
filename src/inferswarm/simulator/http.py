"""Rendering of HTTP/1.1 answers, each in the manner of the server that it stands for."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from inferswarm.simulator.generation import Reply
from inferswarm.simulator.heads import Headers, Manner

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
INVALID_REQUEST = b"Invalid HTTP request received."


@lru_cache(maxsize=2)
def _date(unix_s: int) -> str:
    return formatdate(unix_s, usegmt=True)


@lru_cache(maxsize=256)
def _head(unix_s: int, status: int, headers: Headers, manner: Manner) -> bytes:
    date = _date(unix_s)
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [line.format(date=date) for line in manner.before]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [line.format(date=date) for line in manner.after]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def stream_head(headers: Headers, manner: Manner, *, keep_alive: bool, status: int = 200) -> bytes:
    """Head of an answer whose body is chunked; so also for HTTP/1.0, as uvicorn does."""
    close: Headers = () if keep_alive else manner.close
    return _head(int(time.time()), status, headers + close + manner.chunked, manner)


def whole(reply: Reply, *, keep_alive: bool, with_body: bool = True) -> bytes:
    """Head and body of an answer that is known in full; an answer to HEAD is `with_body=False`."""
    manner = reply.manner
    if reply.chunked:
        head = stream_head(reply.headers, manner, keep_alive=keep_alive, status=reply.status)
        return head + chunk(reply.body) + LAST_CHUNK
    close: Headers = () if keep_alive else manner.close
    head = _head(int(time.time()), reply.status, reply.headers + close, manner)
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
