"""Small servers that answer exactly the bytes a test wants, over real sockets on loopback."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gevent import socket
from gevent.server import StreamServer

Script = Callable[[socket.socket, "Served"], None]


@dataclass
class Served:
    """What a scripted server saw."""

    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def scripted(script: Script, **tls: object) -> Iterator[tuple[int, Served]]:
    """A server whose every connection is handled by `script`; gives its port and what it saw."""
    served = Served()

    def handle(sock: socket.socket, _: object) -> None:
        served.connections += 1
        try:
            script(sock, served)
        except OSError:
            return  # the client went away, as some tests want
        finally:
            sock.close()

    server = StreamServer(("127.0.0.1", 0), handle, **tls)  # type: ignore[call-overload]
    server.start()
    try:
        yield server.server_port, served
    finally:
        server.stop(timeout=0.1)


def read_request(sock: socket.socket, served: Served) -> bool:
    """Read one request whole (head and declared body); False when the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return False
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        body += sock.recv(65536)
    served.requests.append(head + b"\r\n\r\n" + body)
    return True


def answering(*answers: bytes, keep: bool = True) -> Script:
    """Answer the requests of a connection with these bytes in turn, then close."""

    def script(sock: socket.socket, served: Served) -> None:
        for answer in answers:
            if not read_request(sock, served):
                return
            sock.sendall(answer)
        while keep and read_request(sock, served):
            sock.sendall(answers[-1])

    return script


def plain(body: bytes, status: str = "200 OK", extra: bytes = b"") -> bytes:
    """An answer with a declared length."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + extra + b"\r\n" + body


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
STREAM_END = b"0\r\n\r\n"


def token(text: str = " a") -> bytes:
    """One token of a completions stream as an HTTP chunk."""
    return chunk(b'data: {"choices":[{"index":0,"text":"%s"}]}\n\n' % text.encode())


FINISH = chunk(b'data: {"choices":[{"text":"","finish_reason":"length"}]}\n\n') + chunk(
    b"data: [DONE]\n\n"
)
