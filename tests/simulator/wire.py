"""Renderers of every server without sockets, and captured answers of real ones."""

import json
from typing import Any

import httptools

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator import http
from inferswarm.simulator.generation import Answer, Generation, Reply, Request, Serving
from inferswarm.simulator.routes import Routes
from tests.builders import CAPTURES

MS = 1_000_000
ACCEPTED_NS = 5_000 * MS
"""Every answer here waited 3 ms, then made its first token after 10 ms and its last 20 ms later."""


def ask(path: str, body: object, method: str = "POST", **options: Any) -> Generation | Reply:
    """What a server with these options makes of a request."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(
        method, path, {"content-type": "application/json"}, content, True, ACCEPTED_NS
    )
    return Routes(SimulatorOptions.model_validate({"model": "tiny"} | options)).resolve(request)


def answered(path: str, body: object, total: int = 3, **options: Any) -> Answer:
    """The renderer of a request that is served."""
    asked = ask(path, body, **options)
    assert isinstance(asked, Generation), asked
    started_ns = ACCEPTED_NS + 3 * MS
    serving = Serving(
        7, 5, total, ACCEPTED_NS, started_ns, started_ns + 10 * MS, started_ns + 30 * MS
    )
    routes = Routes(SimulatorOptions.model_validate({"model": "tiny"} | options))
    return routes.generating[path].answer(asked, serving)


def rejected(path: str, body: object, **options: Any) -> Reply:
    """The answer to a request that is not served."""
    reply = ask(path, body, **options)
    assert isinstance(reply, Reply), reply
    return reply


def stream(answer: Answer, total: int = 3) -> list[bytes]:
    """All pieces of a streamed answer, token by token."""
    pieces = [answer.tokens(index, index + 1) for index in range(total)]
    return [*answer.opening(), *pieces, *answer.ending()]


def objects(pieces: list[bytes]) -> list[Any]:
    """The JSON objects of server-sent events, the end mark left out."""
    events = [event for piece in pieces for event in piece.split(b"\n\n") if event]
    data = [event.removeprefix(b"data:").strip() for event in events]
    return [json.loads(one) for one in data if one != b"[DONE]"]


class Captured:
    """The answer of a real server: its status, its head's lines, and its body."""

    def __init__(self, data: bytes) -> None:
        self.names: list[str] = []
        self.body = b""
        parser = httptools.HttpResponseParser(self)
        parser.feed_data(data)
        self.status = parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self.names.append(f"{name.decode()}: {'' if name == b'Content-Length' else value.decode()}")

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self.body += body


def captured(name: str) -> Captured:
    """One of the files of tests/captures."""
    return Captured((CAPTURES / f"{name}.http").read_bytes())


def sent(reply: Reply) -> Captured:
    """A reply as it goes over the wire, read by the same parser."""
    return Captured(http.whole(reply, keep_alive=True))
