"""The transport: connections, deadlines, retries, and the tape it records."""

import shutil
import socket as plain_socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from gevent import socket

from inferswarm.exchange import Exchange, Outcome
from inferswarm.load.transport import Timeouts
from inferswarm.load.transport.gevent_recorder import GeventRecorder
from inferswarm.load.transport.http import HttpTransport
from inferswarm.load.transport.interface import Recorder
from inferswarm.load.transport.native_recorder import NativeRecorder, available
from inferswarm.target import Endpoint
from tests.load.servers import (
    FINISH,
    STREAM_END,
    STREAM_HEAD,
    Served,
    answering,
    chunk,
    plain,
    read_request,
    scripted,
    token,
)

S = 1_000_000_000
REQUEST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"
PATIENT = Timeouts(connect_ns=5 * S, first_byte_ns=5 * S, idle_ns=5 * S, total_ns=5 * S)


_made: list[HttpTransport] = []


@pytest.fixture(autouse=True)
def _close_transports() -> Iterator[None]:
    """Close the connections that a test's transports keep."""
    yield
    while _made:
        _made.pop().close()


@pytest.fixture(params=["gevent", "native"], autouse=True)
def recorder_kind(request: pytest.FixtureRequest) -> str:
    """Every test holds for both recorders."""
    if request.param == "native" and not available():
        pytest.skip("needs the C extension: a compiler when the package is installed, on Linux")
    _kind[:] = [request.param]
    return str(request.param)


_kind = ["gevent"]


def new_recorder() -> Recorder:
    """A recorder of the kind under test."""
    return NativeRecorder() if _kind == ["native"] else GeventRecorder()


def transport_to(port: int, timeouts: Timeouts = PATIENT, tls: object = None) -> HttpTransport:
    """A transport to a server of the test; the native recorder reads no TLS."""
    recorder = GeventRecorder() if tls else new_recorder()
    endpoint = Endpoint("127.0.0.1", port, tls)  # type: ignore[arg-type]
    _made.append(HttpTransport(endpoint, timeouts, recorder))
    return _made[-1]


def ask(transport: HttpTransport, wire: bytes = REQUEST) -> Exchange:
    """One exchange; fails when `done` is not called exactly once."""
    found: list[Exchange] = []
    transport.exchange(wire, 1, found.append)
    (exchange,) = found
    return exchange


def test_an_answer_of_declared_length_is_complete() -> None:
    """The tape holds every byte and the exchange has no failure."""
    with scripted(answering(plain(b'{"a":1}'))) as (port, served):
        exchange = ask(transport_to(port))

    assert exchange.failure is None
    assert exchange.tape.data == plain(b'{"a":1}')
    assert served.requests == [REQUEST]
    assert exchange.connect_ns is not None
    assert exchange.address == f"127.0.0.1:{port}"
    assert exchange.bytes_out == len(REQUEST)


def test_reads_are_stamped_in_order_between_sent_and_end() -> None:
    """A stream sent in pieces becomes several reads whose times ascend."""

    def script(sock: socket.socket, served: Served) -> None:
        read_request(sock, served)
        for piece in (STREAM_HEAD, token(), token(), FINISH, STREAM_END):
            sock.sendall(piece)
            gevent.sleep(0.03)

    with scripted(script) as (port, _):
        exchange = ask(transport_to(port))

    tape = exchange.tape
    assert exchange.failure is None
    assert len(tape.ends) == 5
    assert list(tape.arrived_ns) == sorted(tape.arrived_ns)
    assert exchange.due_ns < exchange.sent_ns < tape.arrived_ns[0]
    assert tape.arrived_ns[-1] <= exchange.end_ns
    assert tape.ends[-1] == len(tape.data)


def test_a_kept_connection_is_used_again() -> None:
    """The second exchange opens nothing and says so."""
    with scripted(answering(plain(b"1"))) as (port, served):
        transport = transport_to(port)
        first, second = ask(transport), ask(transport)

    assert served.connections == 1
    assert (first.reused, second.reused) == (False, True)
    assert second.connect_ns is None


def test_connection_close_is_obeyed() -> None:
    """After `Connection: close` the next request opens a new connection."""
    answer = plain(b"1", extra=b"Connection: close\r\n")
    with scripted(answering(answer, keep=False)) as (port, served):
        transport = transport_to(port)
        ask(transport)
        assert ask(transport).reused is False

    assert served.connections == 2


def test_a_body_until_close_ends_with_the_connection() -> None:
    """Without a declared length the server's close is the proper end."""
    answer = b"HTTP/1.0 200 OK\r\n\r\nhello"
    with scripted(answering(answer, keep=False)) as (port, _):
        exchange = ask(transport_to(port))

    assert exchange.failure is None
    assert exchange.tape.data == answer


def test_interim_answers_are_read_over() -> None:
    """A 100 Continue is not the answer."""
    answer = b"HTTP/1.1 100 Continue\r\n\r\n" + plain(b"1")
    with scripted(answering(answer)) as (port, _):
        assert ask(transport_to(port)).tape.data == answer


def test_a_dead_kept_connection_is_replaced_once() -> None:
    """A server that closes after its answer costs a retry, not a failure."""

    def script(sock: socket.socket, served: Served) -> None:
        read_request(sock, served)
        sock.sendall(plain(b"1"))
        read_request(sock, served)  # closes in the face of the second request

    with scripted(script) as (port, served):
        transport = transport_to(port)
        ask(transport)
        second = ask(transport)

    assert second.failure is None
    assert second.retries == 1
    assert second.reused is False
    assert served.connections == 2


def test_a_kept_connection_closed_while_idle_is_not_used() -> None:
    """The close is noticed before the next request, which needs no retry."""
    with scripted(answering(plain(b"1"), keep=False)) as (port, _):
        transport = transport_to(port)
        ask(transport)
        gevent.sleep(0.05)
        assert ask(transport).retries == 0


def test_no_retry_once_a_byte_of_the_answer_came() -> None:
    """A cut answer is truncated, also on a kept connection."""

    def script(sock: socket.socket, served: Served) -> None:
        read_request(sock, served)
        sock.sendall(plain(b"1"))
        read_request(sock, served)
        sock.sendall(STREAM_HEAD + token())

    with scripted(script) as (port, served):
        transport = transport_to(port)
        ask(transport)
        second = ask(transport)

    assert second.failure is Outcome.TRUNCATED
    assert second.retries == 0
    assert served.connections == 1


def test_a_fresh_connection_that_dies_is_not_retried() -> None:
    """A server that closes without a word gives one truncated exchange."""
    with scripted(answering(keep=False)) as (port, served):
        exchange = ask(transport_to(port))

    assert exchange.failure is Outcome.TRUNCATED
    assert exchange.retries == 0
    assert served.connections == 1


def test_bytes_after_the_answer_end_the_connection() -> None:
    """What follows a complete answer is never taken for the next one's."""
    with scripted(answering(plain(b"1") + b"HTTP/1.1 500 Oops\r\n\r\n")) as (port, served):
        transport = transport_to(port)
        ask(transport)
        assert ask(transport).reused is False

    assert served.connections == 2


def test_a_refused_connection_is_an_outcome() -> None:
    """No listener: `connect`, with the system's word for it, and nothing sent."""
    with plain_socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        exchange = ask(transport_to(holder.getsockname()[1]))

    assert exchange.failure is Outcome.CONNECT
    assert "refused" in exchange.detail
    assert exchange.sent_ns == 0
    assert exchange.bytes_out == 0


def test_a_name_that_does_not_resolve_is_an_outcome() -> None:
    """`connect` too; .invalid never resolves (RFC 2606)."""
    transport = HttpTransport(Endpoint("nowhere.invalid", 80), PATIENT, new_recorder())
    _made.append(transport)

    assert ask(transport).failure is Outcome.CONNECT


def test_connecting_has_a_deadline() -> None:
    """A listener whose backlog is full leaves the client waiting for `timeouts.connect` only."""
    with plain_socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with plain_socket.socket() as one, plain_socket.socket() as two:
            for sock in (one, two):
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", port))
            hasty = Timeouts(S // 5, 5 * S, 5 * S, 5 * S)
            exchange = ask(transport_to(port, hasty))

    assert exchange.failure is Outcome.TIMEOUT_CONNECT


def never(sock: socket.socket, served: Served) -> None:
    """Read the request and say nothing."""
    read_request(sock, served)
    gevent.sleep(30)


def one_token(sock: socket.socket, served: Served) -> None:
    """Begin a stream and fall silent."""
    read_request(sock, served)
    sock.sendall(STREAM_HEAD + token())
    gevent.sleep(30)


def dripping(sock: socket.socket, served: Served) -> None:
    """Stream for ever."""
    read_request(sock, served)
    sock.sendall(STREAM_HEAD)
    while True:
        sock.sendall(token())
        gevent.sleep(0.02)


@pytest.mark.parametrize(
    ("script", "timeouts", "outcome"),
    [
        (never, Timeouts(S, S // 5, 5 * S, 5 * S), Outcome.TIMEOUT_FIRST_BYTE),
        (one_token, Timeouts(S, 5 * S, S // 5, 5 * S), Outcome.TIMEOUT_IDLE),
        (dripping, Timeouts(S, 5 * S, 5 * S, S // 5), Outcome.TIMEOUT_TOTAL),
        (never, Timeouts(S, 5 * S, 5 * S, S // 5), Outcome.TIMEOUT_TOTAL),
    ],
)
def test_each_deadline_ends_an_exchange_with_its_own_outcome(
    script: object, timeouts: Timeouts, outcome: Outcome
) -> None:
    """First byte, idle and total are told apart, and what came before is kept."""
    with scripted(script) as (port, _):  # type: ignore[arg-type]
        exchange = ask(transport_to(port, timeouts))

    assert exchange.failure is outcome
    assert (exchange.tape.data == b"") == (script is never)


def test_a_late_but_steady_stream_outlives_the_idle_deadline() -> None:
    """The idle deadline counts from the last read, not from the first."""

    def script(sock: socket.socket, served: Served) -> None:
        read_request(sock, served)
        sock.sendall(STREAM_HEAD)
        for _ in range(8):
            gevent.sleep(0.1)
            sock.sendall(token())
        sock.sendall(FINISH + STREAM_END)

    with scripted(script) as (port, _):
        exchange = ask(transport_to(port, Timeouts(S, S, S // 2, 5 * S)))

    assert exchange.failure is None


def test_cancel_all_ends_what_is_under_way() -> None:
    """Waiting and connecting exchanges alike end as cancelled, and none is left."""
    found: list[Exchange] = []
    with scripted(never) as (port, served):
        transport = transport_to(port)
        asking = [gevent.spawn(transport.exchange, REQUEST, 1, found.append) for _ in range(3)]
        while len(served.requests) < 3:
            gevent.sleep(0.005)
        assert transport.in_flight == 3
        transport.cancel_all()
        gevent.joinall(asking, timeout=5, raise_error=True)

    assert [exchange.failure for exchange in found] == [Outcome.CANCELLED] * 3
    assert transport.in_flight == 0


def test_a_killed_greenlet_still_gives_its_exchange() -> None:
    """Locust kills users: `done` is called all the same, once."""
    found: list[Exchange] = []
    with scripted(one_token) as (port, served):
        transport = transport_to(port)
        asking = gevent.spawn(transport.exchange, REQUEST, 1, found.append)
        while not served.requests:
            gevent.sleep(0.005)
        asking.kill()

    assert [exchange.failure for exchange in found] == [Outcome.CANCELLED]
    assert transport.in_flight == 0


def test_a_large_request_to_a_server_that_does_not_read_can_be_cancelled() -> None:
    """Sending may block; the end of the run must not."""
    found: list[Exchange] = []
    big = b"POST /x HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n" + b"x" * 30_000_000

    def deaf(sock: socket.socket, served: Served) -> None:
        served.requests.append(b"")
        gevent.sleep(30)

    with scripted(deaf) as (port, served):
        transport = transport_to(port)
        asking = gevent.spawn(transport.exchange, big, 1, found.append)
        while not served.requests:
            gevent.sleep(0.005)
        gevent.sleep(0.1)
        transport.cancel_all()
        gevent.joinall([asking], timeout=5, raise_error=True)

    assert [exchange.failure for exchange in found] == [Outcome.CANCELLED]


def test_an_answer_before_the_request_was_read_has_its_times() -> None:
    """A server may refuse a large request early: nobody waits on, and sent comes before the answer."""
    big = b"POST /x HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n" + b"x" * 30_000_000
    refusal = plain(b"too large", status="413 Payload Too Large")

    def hasty(sock: socket.socket, served: Served) -> None:
        sock.recv(1000)
        sock.sendall(refusal)
        gevent.sleep(30)

    with scripted(hasty) as (port, _):
        transport = transport_to(port)
        with gevent.Timeout(4):
            exchange = ask(transport, big)
            assert ask(transport, REQUEST).reused is False

    assert exchange.failure is None
    assert exchange.tape.data == refusal
    assert 0 < exchange.sent_ns < exchange.tape.arrived_ns[0]


def test_a_cut_request_on_a_kept_connection_is_not_sent_again() -> None:
    """What the run's end cut is cancelled, and no second try is made of it."""

    def script(sock: socket.socket, served: Served) -> None:
        read_request(sock, served)
        sock.sendall(plain(b"1"))
        read_request(sock, served)
        gevent.sleep(0.2)  # then closes, after the client has given up

    with scripted(script) as (port, served):
        transport = transport_to(port)
        ask(transport)
        found: list[Exchange] = []
        asking = gevent.spawn(transport.exchange, REQUEST, 1, found.append)
        while len(served.requests) < 2:
            gevent.sleep(0.005)
        transport.cancel_all()
        asking.join(timeout=5)
        gevent.sleep(0.3)

    assert [exchange.failure for exchange in found] == [Outcome.CANCELLED]
    assert len(served.requests) == 2


def test_many_streams_at_once_keep_their_bytes_apart() -> None:
    """A hundred interleaved streams, each with its own text, come back whole."""

    def script(sock: socket.socket, served: Served) -> None:
        while read_request(sock, served):
            name = served.requests[-1].split(b" ")[1]
            sock.sendall(STREAM_HEAD)
            for _ in range(5):
                sock.sendall(chunk(name))
                gevent.sleep(0.001)
            sock.sendall(STREAM_END)

    found: dict[int, Exchange] = {}

    def one(number: int, transport: HttpTransport) -> None:
        wire = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number
        transport.exchange(wire, 1, lambda exchange: found.update({number: exchange}))

    with scripted(script) as (port, _):
        transport = transport_to(port)
        gevent.joinall([gevent.spawn(one, n, transport) for n in range(100)], raise_error=True)

    for number, exchange in found.items():
        assert exchange.tape.data == STREAM_HEAD + chunk(b"/%d" % number) * 5 + STREAM_END


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    both = folder / "both.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


def test_tls_records_the_plain_bytes(certificate: Path) -> None:
    """Over TLS the tape holds the answer as over TCP, and the handshake has its own time."""
    trusting = ssl.create_default_context(cafile=certificate)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    with scripted(answering(plain(b"secret")), ssl_context=server_side) as (port, _):
        transport = transport_to(port, tls=trusting)
        first, second = ask(transport), ask(transport)

    assert first.tape.data == second.tape.data == plain(b"secret")
    assert first.tls_ns is not None
    assert second.tls_ns is None
    assert second.reused


def test_an_untrusted_certificate_is_a_tls_outcome(certificate: Path) -> None:
    """Verification is on; the detail says what was not accepted."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    with scripted(answering(plain(b"1")), ssl_context=server_side) as (port, _):
        exchange = ask(transport_to(port, tls=ssl.create_default_context()))

    assert exchange.failure is Outcome.TLS
    assert "certificate" in exchange.detail
    assert exchange.sent_ns == 0


def test_tls_to_a_port_that_does_not_speak_it_is_a_tls_outcome() -> None:
    """A plain server behind https ends in `tls`, not in a hang."""

    def script(sock: socket.socket, served: Served) -> None:
        sock.recv(100)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with scripted(script) as (port, _):
        exchange = ask(transport_to(port, tls=ssl.create_default_context()))

    assert exchange.failure is Outcome.TLS
