"""Plain sockets for talking to the simulated server, and an HTTP reader that hides nothing."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httptools
import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.process import RunningSimulator

Start = Callable[..., RunningSimulator]


class Read(NamedTuple):
    """One answer; `chunks` are the HTTP chunks of its body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    chunks: list[bytes]
    complete: bool


class _Reader:
    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []
        self.complete = False
        self.chunks: list[bytes] = []
        self.body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode(), value.decode()))

    def on_body(self, body: bytes) -> None:
        self.body += body
        if self.chunks:
            self.chunks[-1] += body

    def on_chunk_header(self) -> None:
        self.chunks.append(b"")

    def on_message_complete(self) -> None:
        self.complete = True


def read_answer(connection: socket.socket) -> Read:
    """One answer, read byte by byte so that nothing of the next one is taken."""
    reader = _Reader()
    parser = httptools.HttpResponseParser(reader)
    while not reader.complete:
        byte = connection.recv(1)
        if not byte:
            break
        parser.feed_data(byte)
    chunks = [chunk for chunk in reader.chunks if chunk]
    status = parser.get_status_code()
    return Read(status, reader.headers, reader.body, chunks, reader.complete)


def connect(simulator: RunningSimulator) -> socket.socket:
    """A connection that gives up after 20 s."""
    return socket.create_connection(("127.0.0.1", simulator.port), timeout=20)


def request(path: str, body: object, *headers: str, version: str = "1.1") -> bytes:
    """The bytes of a POST; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/{version}", "Host: x", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def completion(**fields: Any) -> bytes:
    """The bytes of a request to /v1/completions for three tokens of prompt."""
    return request("/v1/completions", {"prompt": "one two three", "max_tokens": 6} | fields)


def exchange(simulator: RunningSimulator, sent: bytes) -> Read:
    """Send bytes on a new connection and read one answer."""
    with connect(simulator) as connection:
        connection.sendall(sent)
        return read_answer(connection)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts simulated servers with options; they stop with the test."""
    running: list[RunningSimulator] = []

    def begin(**options: Any) -> RunningSimulator:
        quick = {"model": "tiny", "ttft": "5ms", "itl": "1ms"} | options
        simulator = RunningSimulator(SimulatorOptions.model_validate(quick))
        running.append(simulator)
        return simulator.__enter__()

    yield begin
    for simulator in running:
        simulator.stop()
