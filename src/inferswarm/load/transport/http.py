"""The transport over TCP and TLS: connections kept alive and used again, deadlines, one retry."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import gevent

from inferswarm.exchange import Exchange, Framing, Outcome
from inferswarm.load.transport import Timeouts
from inferswarm.load.transport.dialing import Dialed, Dialer, DialError
from inferswarm.load.transport.interface import Connection, Recorder
from inferswarm.load.transport.recording import Recording
from inferswarm.proxies import refusal
from inferswarm.target import Endpoint

# Of all statuses this one is always the proxy's own.
_PROXY_REFUSES = re.compile(rb"HTTP/1\.\d 407\b")
_STATUS_BYTES = 13


@dataclass(slots=True)
class _Try:
    """What one attempt on one connection came to."""

    recording: Recording
    connection: Connection | None = None
    dialed: Dialed | None = None
    reused: bool = False
    bytes_out: int = 0

    @property
    def repeatable(self) -> bool:
        """A kept connection turned out dead before a byte of the answer came."""
        return self.reused and self.recording.closed_by_server and not self.recording.tape.data


class HttpTransport:
    """Exchanges with one endpoint; the last connection that became free is used first."""

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts, recorder: Recorder) -> None:
        self.recorder = recorder
        self._dialer = Dialer(endpoint, timeouts.connect_ns, recorder)
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._idle: list[Connection] = []
        self._under_way: set[Recording] = set()

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
                stop = DialError(Outcome.CANCELLED, why)
                gevent.kill(recording.preparing, stop)

    def close(self) -> None:
        """Close the idle connections and the recorder."""
        while self._idle:
            self._idle.pop().close()
        self.recorder.close()

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
            done(_as_exchange(trial, due_ns, retries, self._endpoint.framing))

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
                trial.dialed = self._dialer.dial()
                trial.connection = trial.dialed.connection
            if recording.end_ns:
                return
            assert trial.connection is not None
            trial.connection.attach(recording)
            trial.connection.send(wire, self._timeouts.total_ns)
        except DialError as error:
            recording.end(error.failure, str(error))
        except TimeoutError as error:
            recording.end(Outcome.TIMEOUT_TOTAL, str(error))
        except OSError as error:
            recording.closed(error.strerror or str(error))
        finally:
            recording.preparing = None
        recording.wait()
        if trial.connection is not None:
            trial.connection.detach()
            self._heed_proxy(recording)

    def _heed_proxy(self, recording: Recording) -> None:
        """A request that the proxy did not pass on never had a connection to the target."""
        if self._endpoint.proxy and _PROXY_REFUSES.match(recording.tape.data[:_STATUS_BYTES]):
            recording.failure = Outcome.CONNECT
            recording.detail = refusal(HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)

    def _release(self, trial: _Try) -> None:
        """Keep the connection if it can carry another request."""
        self._under_way.discard(trial.recording)
        connection = trial.connection
        if connection is None:
            return
        connection.detach()
        recording = trial.recording
        fit = recording.keep_alive and not recording.request_cut and self._endpoint.keep_alive
        if fit and connection.usable:
            self._idle.append(connection)
        else:
            connection.close()


def _as_exchange(trial: _Try, due_ns: int, retries: int, framing: Framing) -> Exchange:
    recording = trial.recording
    return Exchange(
        due_ns=due_ns,
        sent_ns=recording.sent_ns,
        end_ns=recording.end_ns,
        tape=recording.tape,
        failure=recording.failure,
        detail=recording.detail,
        connect_ns=trial.dialed.connect_ns if trial.dialed else None,
        tls_ns=trial.dialed.tls_ns if trial.dialed else None,
        reused=trial.reused,
        address=trial.connection.address if trial.connection else "",
        retries=retries,
        bytes_out=trial.bytes_out if recording.sent_ns else 0,
        framing=framing,
    )
