"""The transport over TCP and TLS: connections kept alive and used again, deadlines, one retry."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
from gevent import monkey
from gevent import socket as gsocket

from inferswarm.clock import now_ns
from inferswarm.exchange import Exchange, Outcome
from inferswarm.load.transport import Timeouts
from inferswarm.load.transport.recording import Connection, Recording, Tls
from inferswarm.target import Endpoint

_NS_PER_S = 1_000_000_000
_RESOLVE_AGAIN_NS = 30 * _NS_PER_S


@dataclass(slots=True)
class _Try:
    """What one attempt on one connection came to."""

    recording: Recording
    connection: Connection | None = None
    connect_ns: int | None = None
    tls_ns: int | None = None
    reused: bool = False
    bytes_out: int = 0

    @property
    def repeatable(self) -> bool:
        """A kept connection turned out dead before a byte of the answer came."""
        return self.reused and self.recording.closed_by_server and self.recording.empty


class _ConnectError(Exception):
    def __init__(self, failure: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure


class HttpTransport:
    """Exchanges with one endpoint; the last connection that became free is used first."""

    recorder = "gevent"
    clock = "process"

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._idle: list[Connection] = []
        self._under_way: set[Recording] = set()
        self._addresses: list[tuple[int, tuple[Any, ...]]] = []
        self._resolved_ns = 0
        self._turn = 0

    @property
    def in_flight(self) -> int:
        """Exchanges under way."""
        return len(self._under_way)

    def cancel_all(self) -> None:
        """End every exchange under way as `cancelled`."""
        why = "cut at the end of the run's grace period"
        for recording in list(self._under_way):
            recording.end(Outcome.CANCELLED, why)
            if recording.preparing is not None:
                stop = _ConnectError(Outcome.CANCELLED, why)
                gevent.kill(recording.preparing, stop)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def exchange(self, wire: bytes, due_ns: int, done: Callable[[Exchange], None]) -> None:
        """See `Transport.exchange`; a dead kept connection is replaced once, by a fresh one."""
        retries = 0
        trial = self._begin(wire, fresh=False)
        try:
            self._finish(trial, wire)
            if trial.repeatable:
                retries = 1
                self._release(trial)
                trial = self._begin(wire, fresh=True)
                self._finish(trial, wire)
        except BaseException:
            trial.recording.end(Outcome.CANCELLED, "the user was stopped")
            raise
        finally:
            self._release(trial)
            done(_as_exchange(trial, due_ns, retries))

    def _begin(self, wire: bytes, *, fresh: bool) -> _Try:
        trial = _Try(Recording(self._timeouts), bytes_out=len(wire))
        self._under_way.add(trial.recording)
        while self._idle and not fresh:
            connection = self._idle.pop()
            if connection.usable:
                trial.connection, trial.reused = connection, True
                break
            connection.close()
        return trial

    def _finish(self, trial: _Try, wire: bytes) -> None:
        """Connect where needed, send, and wait for the end."""
        recording = trial.recording
        recording.preparing = gevent.getcurrent()
        try:
            if trial.connection is None:
                self._connect(trial)
            if recording.end_ns:
                return
            assert trial.connection is not None
            trial.connection.recording = recording
            trial.connection.uses += 1
            recording.sent_ns = trial.connection.send(wire, self._timeouts.total_ns)
        except _ConnectError as error:
            recording.end(error.failure, str(error))
        except TimeoutError as error:
            recording.end(Outcome.TIMEOUT_TOTAL, str(error))
        except OSError as error:
            recording.closed(error.strerror or str(error))
        finally:
            recording.preparing = None
        recording.wait()

    def _release(self, trial: _Try) -> None:
        """Keep the connection if it can carry another request."""
        self._under_way.discard(trial.recording)
        connection = trial.connection
        if connection is None:
            return
        connection.recording = None
        if connection.usable and trial.recording.keep_alive:
            self._idle.append(connection)
        else:
            connection.close()

    def _connect(self, trial: _Try) -> None:
        seconds = self._timeouts.connect_ns / _NS_PER_S
        limit = gevent.Timeout(seconds)
        sock = None
        started_ns = now_ns()
        try:
            with limit:
                family, address = self._next_address()
                sock = gsocket.socket(family, socket.SOCK_STREAM)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(address)
                connected_ns = now_ns()
                trial.connect_ns = connected_ns - started_ns
                tls = self._shake_hands(sock)
                trial.tls_ns = now_ns() - connected_ns if tls else None
                raw = _plain_socket(sock)
                trial.connection = Connection(raw, tls, f"{address[0]}:{address[1]}")
        except gevent.Timeout as expired:
            if expired is not limit:
                raise
            _close(sock)
            raise _ConnectError(
                Outcome.TIMEOUT_CONNECT, f"no connection within {seconds:g} s"
            ) from None
        except ssl.SSLError as error:
            _close(sock)
            raise _ConnectError(Outcome.TLS, _tls_reason(error)) from None
        except (OSError, UnicodeError) as error:
            _close(sock)
            self._resolved_ns = 0
            failure = Outcome.CONNECT if trial.connect_ns is None else Outcome.TLS
            raise _ConnectError(failure, getattr(error, "strerror", "") or str(error)) from None
        except BaseException:
            _close(sock)
            raise

    def _shake_hands(self, sock: gsocket.socket) -> Tls | None:
        if self._endpoint.tls is None:
            return None
        tls = Tls(self._endpoint.tls, self._endpoint.host)
        tls.handshake(sock.recv, sock.sendall)
        return tls

    def _next_address(self) -> tuple[int, tuple[Any, ...]]:
        """The addresses behind the name in turn; they are looked up again now and then."""
        if not self._addresses or now_ns() - self._resolved_ns > _RESOLVE_AGAIN_NS:
            found = gsocket.getaddrinfo(
                self._endpoint.host, self._endpoint.port, type=socket.SOCK_STREAM
            )
            self._addresses = [(family, address) for family, _, _, _, address in found]
            self._resolved_ns = now_ns()
        self._turn += 1
        return self._addresses[self._turn % len(self._addresses)]


def _plain_socket(sock: gsocket.socket) -> socket.socket:
    """The operating system's socket without gevent's waiting around it."""
    plain: socket.socket = monkey.get_original("socket", "socket")(
        sock.family, sock.type, sock.proto, fileno=sock.detach()
    )
    plain.setblocking(False)
    return plain


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}; see target.ca_file"
    return f"TLS: {error.reason or error}"


def _close(sock: gsocket.socket | None) -> None:
    if sock is not None:
        sock.close()


def _as_exchange(trial: _Try, due_ns: int, retries: int) -> Exchange:
    recording = trial.recording
    return Exchange(
        due_ns=due_ns,
        sent_ns=recording.sent_ns,
        end_ns=recording.end_ns,
        tape=recording.tape(),
        failure=recording.failure,
        detail=recording.detail,
        connect_ns=trial.connect_ns,
        tls_ns=trial.tls_ns,
        reused=trial.reused,
        address=trial.connection.address if trial.connection else "",
        retries=retries,
        bytes_out=trial.bytes_out if recording.sent_ns else 0,
    )
