"""A plain client over sockets: one request after the other, each recorded as an exchange."""

import contextlib
import os
import socket
import ssl
import time
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from inferswarm.adapters import HttpRequest
from inferswarm.clock import now_ns
from inferswarm.config.target import TargetOptions
from inferswarm.doctor.http2 import OneCall
from inferswarm.exchange import Exchange, Framing, Outcome, Tape
from inferswarm.framing.http1 import EndFinder
from inferswarm.probe import connect, prepare, unreachable
from inferswarm.scales import NS_PER_S
from inferswarm.target import Endpoint, GrpcWire, Wire, request_headers

ANSWER_LIMIT_BYTES = 8 << 20
_READ_BYTES = 1 << 16


class DialError(Exception):
    """There is no connection; (which outcome, why in one line with a remedy)."""

    def __init__(self, failure: Outcome, why: str) -> None:
        super().__init__(why)
        self.failure = failure


@dataclass(slots=True)
class Link:
    """An open connection, and how long it took to open."""

    sock: socket.socket
    address: str
    connect_ns: int
    tls_ns: int | None = None

    @classmethod
    def to(cls, endpoint: Endpoint, url: str, limit_s: float) -> Self:
        """Connect, with tunnel and TLS where needed; raises DialError."""
        started = now_ns()
        try:
            sock = connect(endpoint, limit_s)
            connected = now_ns()
            address = str(sock.getpeername()[0])
            sock = prepare(endpoint, sock, limit_s)
        except OSError as error:
            why = unreachable(url, round(limit_s, 1), error, endpoint.proxy)
            raise DialError(_failure(error), why) from None
        except ValueError:
            raise DialError(Outcome.CONNECT, f"{url}: not a host name; check --target") from None
        tls_ns = now_ns() - connected if endpoint.tls else None
        return cls(sock, address, connected - started, tls_ns)


def _failure(error: OSError) -> Outcome:
    if isinstance(error, ssl.SSLError):
        return Outcome.TLS
    return Outcome.TIMEOUT_CONNECT if isinstance(error, TimeoutError) else Outcome.CONNECT


class Client:
    """Exchanges with one target until an instant; keeps its connection as servers promise to.

    Nothing that a server does raises: it is the exchange's `failure`.
    """

    def __init__(self, target: TargetOptions, connect_limit_s: float, limit_s: float) -> None:
        """Raises InputError for certificates, keys and proxies that cannot be used."""
        self.url = target.url
        self._connect_limit_s = connect_limit_s
        self._end_s = time.monotonic() + limit_s
        self._endpoints = {kind: Endpoint.of(target, kind) for kind in _FRAMINGS}
        self._wires: dict[Framing, Wire | GrpcWire] = {
            "http1": Wire.of(target),
            "http2": GrpcWire.of(target),
        }
        self._keeps = target.keep_alive
        self.key_given = "Authorization" in request_headers(target, os.environ)
        self._idle: Link | None = None

    def __enter__(self) -> Self:
        """Nothing is open yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close what is open."""
        self.hang_up()

    @property
    def left_s(self) -> float:
        """How much of the time in all is left."""
        return max(0.0, self._end_s - time.monotonic())

    def hang_up(self) -> None:
        """Close the kept connection."""
        if self._idle is not None:
            self._idle.sock.close()
            self._idle = None

    def dial(self, framing: Framing = "http1") -> Link:
        """A fresh connection; raises DialError."""
        limit_s = max(0.001, min(self._connect_limit_s, self.left_s))
        return Link.to(self._endpoints[framing], self.url, limit_s)

    def ask(self, request: HttpRequest, limit_s: float, framing: Framing = "http1") -> Exchange:
        """One exchange, on the kept connection if there is one; a dead one is replaced once."""
        due_ns = now_ns()
        limit_s = min(limit_s, self.left_s)
        wire = self._wires[framing].bytes_of(request)
        kept, self._idle = self._idle, None
        if kept is not None:
            if framing == "http1":
                exchange = self._over(kept, wire, due_ns, limit_s)
                if exchange.tape.data or exchange.failure is not Outcome.TRUNCATED:
                    return replace(exchange, reused=True, connect_ns=None, tls_ns=None)
            kept.sock.close()
        try:
            link = self.dial(framing)
        except DialError as error:
            return Exchange(due_ns, 0, now_ns(), failure=error.failure, detail=str(error))
        retries = int(kept is not None and framing == "http1")
        if framing == "http2":
            with contextlib.closing(link.sock):
                return _called(link, wire, due_ns, limit_s)
        return replace(self._over(link, wire, due_ns, limit_s), retries=retries)

    def _over(self, link: Link, wire: bytes, due_ns: int, limit_s: float) -> Exchange:
        """Ask over a connection, and keep it if it can be kept."""
        exchange, keep = _asked(link, wire, due_ns, limit_s)
        if keep and self._keeps:
            self._idle = link
        else:
            link.sock.close()
        return exchange


_FRAMINGS: tuple[Framing, ...] = ("http1", "http2")


@dataclass(slots=True)
class _Recorder:
    """The reads of one answer, each with its time, until an instant."""

    link: Link
    due_ns: int
    end_ns: int
    sent_ns: int
    arrived_ns: list[int]
    ends: list[int]
    data: bytearray

    @classmethod
    def sending(cls, link: Link, wire: bytes, due_ns: int, limit_s: float) -> Self:
        """Send a request; raises OSError."""
        sent_ns = now_ns()
        link.sock.settimeout(max(0.001, limit_s))
        link.sock.sendall(wire)
        return cls(link, due_ns, sent_ns + int(limit_s * NS_PER_S), sent_ns, [], [], bytearray())

    def read(self) -> bytes:
        """The next read, whose instant is `now`; empty at the end. Raises OSError."""
        left_ns = self.end_ns - now_ns()
        if left_ns <= 0:
            raise TimeoutError
        self.link.sock.settimeout(left_ns / NS_PER_S)
        return self.link.sock.recv(_READ_BYTES)

    def keep(self, piece: bytes, at_ns: int) -> None:
        """Bytes that belong to the answer."""
        self.data += piece
        self.arrived_ns.append(at_ns)
        self.ends.append(len(self.data))

    def exchange(self, failure: Outcome | None, detail: str, framing: Framing) -> Exchange:
        """What came of it."""
        link = self.link
        return Exchange(
            self.due_ns,
            self.sent_ns,
            now_ns(),
            Tape(bytes(self.data), self.arrived_ns, self.ends),
            failure,
            detail,
            connect_ns=link.connect_ns,
            tls_ns=link.tls_ns,
            address=link.address,
            framing=framing,
        )


def _asked(link: Link, wire: bytes, due_ns: int, limit_s: float) -> tuple[Exchange, bool]:
    """(the exchange, whether the connection can carry another) over HTTP/1.1."""
    finder = EndFinder()
    try:
        recorder = _Recorder.sending(link, wire, due_ns, limit_s)
    except OSError as error:
        return _unsent(link, due_ns, error), False
    try:
        while piece := recorder.read():
            recorder.keep(piece, now_ns())
            if finder.feed(piece):
                return recorder.exchange(None, "", "http1"), finder.keep_alive
            if len(recorder.data) > ANSWER_LIMIT_BYTES:
                return recorder.exchange(Outcome.TRUNCATED, _TOO_LARGE, "http1"), False
    except OSError as error:
        return recorder.exchange(*_broken(recorder, error, limit_s), "http1"), False
    ended = None if finder.until_close else Outcome.TRUNCATED
    return recorder.exchange(ended, "the server closed the connection", "http1"), False


def _called(link: Link, wire: bytes, due_ns: int, limit_s: float) -> Exchange:
    """The same over HTTP/2."""
    call = OneCall()
    try:
        recorder = _Recorder.sending(link, call.opening(wire), due_ns, limit_s)
    except OSError as error:
        return _unsent(link, due_ns, error)
    try:
        while piece := recorder.read():
            at_ns = now_ns()
            kept, reply = call.hear(piece)
            if kept:
                recorder.keep(kept, at_ns)
            if reply:
                link.sock.sendall(reply)
            if call.over or len(recorder.data) > ANSWER_LIMIT_BYTES:
                failure = Outcome.TRUNCATED if call.lost or not call.over else None
                return recorder.exchange(failure, call.lost, "http2")
    except OSError as error:
        return recorder.exchange(*_broken(recorder, error, limit_s), "http2")
    return recorder.exchange(Outcome.TRUNCATED, "the server closed the connection", "http2")


_TOO_LARGE = f"the answer is larger than {ANSWER_LIMIT_BYTES >> 20} MB"


def _unsent(link: Link, due_ns: int, error: OSError) -> Exchange:
    why = f"the request could not be sent: {error.strerror or error}"
    return Exchange(
        due_ns, 0, now_ns(), failure=Outcome.TRUNCATED, detail=why, address=link.address
    )


def _broken(recorder: _Recorder, error: OSError, limit_s: float) -> tuple[Outcome, str]:
    """How an answer ended whose connection failed."""
    if isinstance(error, TimeoutError):
        kind = Outcome.TIMEOUT_TOTAL if recorder.data else Outcome.TIMEOUT_FIRST_BYTE
        what = "not whole" if recorder.data else "no byte"
        return kind, f"{what} within {limit_s:.3g} s"
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return Outcome.TLS, str(error.reason or error)
    return Outcome.TRUNCATED, error.strerror or str(error)
