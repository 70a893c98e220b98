"""Small servers that answer exactly the bytes a test wants, over real sockets on loopback."""

import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import gevent
import pytest
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
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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


def read_request(sock: "socket.socket | TlsBytes", served: Served) -> bool:
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


def made_certificate(folder: Path, subject: str = "/CN=test") -> Path:
    """A self-signed certificate for 127.0.0.1 and ::1, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command: apt-get install openssl")
    both = folder / "both.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", subject, "-addext", "subjectAltName=IP:127.0.0.1,IP:::1"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


def server_tls(certificate: Path) -> ssl.SSLContext:
    """A server's side of TLS, with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class TlsBytes:
    """A server's side of TLS whose every byte is in the test's hands."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        """Shakes hands; TLS 1.3's tickets are what `flush` then sends."""
        self.sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        try:
            self._shake_hands()
        except ssl.SSLError:
            self.flush()
            raise
        if self._ssl.version() != "TLSv1.3":
            self.flush()

    def _shake_hands(self) -> None:
        while True:
            try:
                return self._ssl.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                self._receive()

    def flush(self) -> None:
        """Send what TLS has to say."""
        self.sock.sendall(self._outgoing.read())

    def sealed(self, plain: bytes) -> bytes:
        """These bytes as they go over the wire, with what was not flushed before them."""
        self._ssl.write(plain)
        return self._outgoing.read()

    def closing(self) -> bytes:
        """The alert that ends TLS in order."""
        with suppress(ssl.SSLWantReadError):
            self._ssl.unwrap()
        return self._outgoing.read()

    def recv(self, _: int) -> bytes:
        """Plain bytes of the client; empty when it has gone."""
        while True:
            try:
                return self._ssl.read(65536)
            except ssl.SSLWantReadError:
                if not self._receive():
                    return b""

    def _receive(self) -> bytes:
        data = self.sock.recv(65536)
        self._incoming.write(data)
        return data


@contextmanager
def proxying(refusal: bytes = b"", delay_s: float = 0) -> Iterator[tuple[int, Served]]:
    """A proxy for tunnels and for requests in absolute form, or one that answers only `refusal`."""

    def script(sock: socket.socket, served: Served) -> None:
        if not read_request(sock, served):
            return
        gevent.sleep(delay_s)
        if refusal:
            sock.sendall(refusal)
            return
        request = served.requests[-1]
        method, where, _ = request.split(b" ", 2)
        tunnel = method == b"CONNECT"
        url = urlsplit(("//" if tunnel else "") + where.decode())
        with socket.create_connection((url.hostname, url.port)) as target:
            if tunnel:
                sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                target.sendall(request.replace(where, url.path.encode(), 1))
            back = gevent.spawn(_pump, target, sock)
            _pump(sock, target)
            back.join()

    with scripted(script) as found:
        yield found


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass bytes on until one side ends, then end the other."""
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
