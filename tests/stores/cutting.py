"""What can go wrong between a client and a bucket: cut connections, refusals, odd answers."""

import contextlib
import http.server
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_HOST = "127.0.0.1"
_PIECE_BYTES = 1 << 14


@dataclass
class Cuts:
    """How many connections the proxy has still to cut, -1 for no end; and how many it has cut."""

    port: int
    after_bytes: int
    left: int
    answers: bool = False
    made: int = 0
    sent: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self, count: int, *, answer: bool) -> bool:
        """Whether to cut a connection whose client sent `count` bytes more, or gets an answer."""
        with self.lock:
            self.sent += count
            if not self.left or self.sent <= self.after_bytes or answer is not self.answers:
                return False
            self.left -= 1
            self.made += 1
            self.sent = 0
            return True


@contextlib.contextmanager
def cutting(target: int, *, after_bytes: int, times: int, answers: bool = False) -> Iterator[Cuts]:
    """A proxy that resets a connection after each so many bytes sent, `times` times in all.

    With `answers` the bytes go through, and what the server answers to them is lost instead.
    """
    with socket.create_server((_HOST, 0)) as listener:
        cuts = Cuts(listener.getsockname()[1], after_bytes, times, answers)
        ended = threading.Event()
        accepting = threading.Thread(target=_accept, args=(listener, target, cuts, ended))
        accepting.start()
        try:
            yield cuts
        finally:
            ended.set()
            with contextlib.suppress(OSError):
                socket.create_connection((_HOST, cuts.port), 5).close()
            accepting.join(10)
    assert not accepting.is_alive()


def _accept(listener: socket.socket, target: int, cuts: Cuts, ended: threading.Event) -> None:
    while True:
        client, _ = listener.accept()
        if ended.is_set():
            client.close()
            return
        threading.Thread(target=_pass_on, args=(client, target, cuts), daemon=True).start()


def _pass_on(client: socket.socket, target: int, cuts: Cuts) -> None:
    with client, socket.create_connection((_HOST, target)) as server:
        back = threading.Thread(target=_answer, args=(server, client, cuts), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while piece := client.recv(_PIECE_BYTES):
                if cuts.now(len(piece), answer=False):
                    _reset(client)
                    break
                server.sendall(piece)
        for end in (server, client):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        back.join(10)


def _answer(server: socket.socket, client: socket.socket, cuts: Cuts) -> None:
    with contextlib.suppress(OSError):
        while piece := server.recv(_PIECE_BYTES):
            if cuts.now(0, answer=True):
                _reset(client)
                break
            client.sendall(piece)
        client.shutdown(socket.SHUT_RDWR)


def _reset(client: socket.socket) -> None:
    # As when a machine in between dies: what was not sent is lost when the socket is closed.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@dataclass(frozen=True)
class Answer:
    """One answer to every request: status, body, and headers beside the length."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Asked:
    """The port, and what was asked: method and path of each request, with its Range if it had one."""

    port: int
    requests: list[str] = field(default_factory=list)


@contextlib.contextmanager
def answering_all(*answers: Answer) -> Iterator[Asked]:
    """A web server that gives these answers in turn, the last again and again."""
    waiting = list(answers)
    asked = Asked(0)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.requests.append(f"{self.command} {self.path} {self.headers.get('Range', '')}")
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            self.close_connection = True
            self.send_response(answer.status)
            told = dict(answer.headers)
            told.setdefault("Content-Length", str(len(answer.body)))
            for name, value in told.items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with http.server.ThreadingHTTPServer((_HOST, 0), Handler) as server:
        asked.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join(10)
