"""Opening connections: every address behind a name, TCP then TLS, each with its own time.

A proxy's tunnel belongs to the time of TCP.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import gevent
from gevent import monkey
from gevent import socket as gsocket
from gevent.lock import Semaphore

from inferswarm.clock import now_ns
from inferswarm.exchange import Outcome
from inferswarm.load.transport.http2 import Http2Talk
from inferswarm.load.transport.interface import Connection, Recorder
from inferswarm.load.transport.tls import Tls, tls_reason
from inferswarm.proxies import open_tunnel
from inferswarm.scales import NS_PER_S
from inferswarm.target import ALPN_HTTP2, Endpoint

_RESOLVE_AGAIN_NS = 30 * NS_PER_S


class DialError(Exception):
    """No connection; `failure` is the outcome that this makes of a request."""

    def __init__(self, failure: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Dialed:
    """An open connection, and what opening it took; `tls_ns` is None without TLS."""

    connection: Connection
    connect_ns: int
    tls_ns: int | None


class _Address(NamedTuple):
    family: int
    where: tuple[Any, ...]


class Dialer:
    """Opens connections to one endpoint, spread over its addresses."""

    def __init__(self, endpoint: Endpoint, limit_ns: int, recorder: Recorder) -> None:
        """`limit_ns` bounds look-up, TCP and TLS together; `recorder` gets what was opened."""
        self._recorder = recorder
        self._endpoint = endpoint
        self._proxy = endpoint.proxy
        self._next_hop = (endpoint.proxy or endpoint).host, (endpoint.proxy or endpoint).port
        self._limit_s = limit_ns / NS_PER_S
        self._addresses: list[_Address] = []
        self._resolved_ns = 0
        self._resolving = Semaphore()
        self._turn = 0

    def dial(self) -> Dialed:
        """A new connection, opened by the calling greenlet; raises DialError."""
        limit = gevent.Timeout(self._limit_s)
        try:
            with limit:
                return self._dial()
        except gevent.Timeout as expired:
            if expired is not limit:
                raise
            why = f"no connection within {self._limit_s:g} s"
            raise DialError(Outcome.TIMEOUT_CONNECT, why) from None

    def _dial(self) -> Dialed:
        started_ns = now_ns()
        sock = self._open_path()
        connected_ns = now_ns()
        with _closed_on_failure(sock):
            tls = self._shake_hands(sock)
            tls_ns = now_ns() - connected_ns if tls else None
            name = _name_of(sock.getpeername())
        talk = Http2Talk() if self._endpoint.framing == "http2" else None
        connection = self._recorder.connect(_plain_socket(sock), tls, name, talk)
        return Dialed(connection, connected_ns - started_ns, tls_ns)

    def _open_path(self) -> gsocket.socket:
        """A socket on which the target hears us, with whatever is in between."""
        try:
            sock = self._open()
            if self._proxy is not None and self._endpoint.needs_tunnel:
                with _closed_on_failure(sock):
                    where = self._endpoint.host, self._endpoint.port
                    open_tunnel(self._proxy, *where, sock.recv, sock.sendall)
        except (OSError, UnicodeError) as error:
            self._resolved_ns = 0
            via = f"proxy {_name_of(self._next_hop)}: " if self._proxy else ""
            raise DialError(Outcome.CONNECT, f"{via}{_reason(error)}") from None
        return sock

    def _open(self) -> gsocket.socket:
        """Connect to the next address in turn, or to the first after it that answers.

        An address that refuses while another accepts is left out until names are looked up again:
        a server that listens on IPv4 only must not cost every second connection a try.
        """
        self._turn += 1
        addresses = self._resolve()
        refused: list[_Address] = []
        for offset in range(len(addresses)):
            address = addresses[(self._turn + offset) % len(addresses)]
            sock = gsocket.socket(address.family, socket.SOCK_STREAM)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(address.where)
            except BaseException as error:
                sock.close()
                refused.append(address)
                if not isinstance(error, OSError) or len(refused) == len(addresses):
                    raise
            else:
                self._addresses = [one for one in self._addresses if one not in refused]
                return sock
        raise OSError(f"{self._next_hop[0]} has no address")

    def _resolve(self) -> list[_Address]:
        with self._resolving:  # one look-up serves all who wait for it
            if not self._addresses or now_ns() - self._resolved_ns > _RESOLVE_AGAIN_NS:
                found = gsocket.getaddrinfo(*self._next_hop, type=socket.SOCK_STREAM)
                self._addresses = [_Address(family, where) for family, _, _, _, where in found]
                self._resolved_ns = now_ns()
            return self._addresses

    def _shake_hands(self, sock: gsocket.socket) -> Tls | None:
        if self._endpoint.tls is None:
            return None
        try:
            tls = Tls(self._endpoint.tls, self._endpoint.host)
            tls.handshake(sock.recv, sock.sendall)
        except (OSError, ValueError) as error:
            raise DialError(Outcome.TLS, _reason(error)) from None
        if self._endpoint.framing == "http2" and tls.protocol != ALPN_HTTP2:
            raise DialError(Outcome.TLS, "the server offers no HTTP/2 there (ALPN h2)")
        return tls


@contextmanager
def _closed_on_failure(sock: gsocket.socket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        sock.close()
        raise


def _name_of(address: tuple[Any, ...]) -> str:
    """`host:port`, with brackets around IPv6."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _plain_socket(sock: gsocket.socket) -> socket.socket:
    """The operating system's socket without gevent's waiting around it."""
    plain: socket.socket = monkey.get_original("socket", "socket")(
        sock.family, sock.type, sock.proto, fileno=sock.detach()
    )
    plain.setblocking(False)
    return plain


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return tls_reason(error)
    return getattr(error, "strerror", "") or str(error)
