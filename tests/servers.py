"""Small threaded servers on 127.0.0.1 that behave as a test wants, and end with it."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

IPV4, IPV6 = "127.0.0.1", "::1"


@dataclass
class Server:
    """Where it listens, and the requests that it has seen."""

    port: int
    requests: list[bytes] = field(default_factory=list)

    @property
    def head(self) -> str:
        """The head of the last request."""
        return self.requests[-1].decode("latin-1")


@contextlib.contextmanager
def answering(
    answer: bytes | None, *, host: str = IPV4, tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """A server that answers each request with these bytes and closes; with None it never answers."""
    family = socket.AF_INET6 if host == IPV6 else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener, contextlib.ExitStack() as held:
        server = Server(listener.getsockname()[1])
        ended = threading.Event()
        thread = threading.Thread(target=_serve, args=(listener, server, answer, tls, held, ended))
        thread.start()
        try:
            yield server
        finally:
            ended.set()
            with contextlib.suppress(OSError):
                socket.create_connection((host, server.port), 5).close()
            thread.join(10)
    assert not thread.is_alive()


def _serve(
    listener: socket.socket,
    server: Server,
    answer: bytes | None,
    tls: ssl.SSLContext | None,
    held: contextlib.ExitStack,
    ended: threading.Event,
) -> None:
    while True:
        connection, _ = listener.accept()
        held.enter_context(connection)
        if ended.is_set():
            return
        connection.settimeout(5)
        # What a client breaks off is for its own side to report.
        with contextlib.suppress(OSError):
            _one(connection, server, answer, tls)


def _one(
    plain: socket.socket, server: Server, answer: bytes | None, tls: ssl.SSLContext | None
) -> None:
    connection = tls.wrap_socket(plain, server_side=True) if tls else plain
    try:
        if answer is None:
            return
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            piece = connection.recv(65_536)
            request += piece
            if not piece or request[:1] == b"\x16":
                break
        server.requests.append(request)
        connection.sendall(answer)
    finally:
        if answer is not None:
            connection.close()


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.create_server((IPV4, 0)) as listener:
        return int(listener.getsockname()[1])
