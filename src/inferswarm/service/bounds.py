"""What holds for every request before any route sees it: how often, and how large."""

import math

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inferswarm.service.access import Pace

BODY_LIMIT = 1 << 20
_READING = ("GET", "HEAD")
_STARTS = "/run"


class Bounds:
    """ASGI middleware: 429 for who asks too often, 413 for bodies beyond a megabyte."""

    def __init__(self, app: ASGIApp, reading: Pace, asking: Pace) -> None:
        self._app, self._reading, self._asking = app, reading, asking

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        address = str((scope.get("client") or ("",))[0])
        reads = scope["method"] in _READING and scope["path"] != _STARTS
        wait_s = (self._reading if reads else self._asking).wait_s(address)
        if wait_s:
            headers = {"Retry-After": str(math.ceil(wait_s))}
            refusal = JSONResponse({"error": "too many requests; wait a little"}, 429, headers)
            await refusal(scope, receive, send)
            return
        body = await _body(receive) if not reads else b""
        if body is None:
            refusal = JSONResponse({"error": f"a body of more than {BODY_LIMIT:,} bytes"}, 413)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive if reads else _again(body, receive), send)


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is too large."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_LIMIT:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, and then whatever else comes."""
    given: list[bool] = []

    async def again() -> Message:
        if given:
            return await receive()
        given.append(True)
        return {"type": "http.request", "body": body, "more_body": False}

    return again
