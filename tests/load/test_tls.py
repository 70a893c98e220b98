"""TLS: taken off in memory, each piece with the time of the read that completed it."""

import itertools
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
from gevent import monkey, socket

from inferswarm.clock import now_ns
from inferswarm.config.target import TargetOptions
from inferswarm.config.tree import RunConfig
from inferswarm.exchange import Exchange, Outcome
from inferswarm.load.session import _recorder
from inferswarm.load.transport import Timeouts
from inferswarm.load.transport.gevent_recorder import GeventRecorder
from inferswarm.load.transport.http import HttpTransport
from inferswarm.load.transport.interface import Recorder
from inferswarm.load.transport.native_recorder import NativeRecorder, available
from inferswarm.load.transport.tls import Plain, Tls
from inferswarm.proxies import Proxy
from inferswarm.target import Endpoint
from tests.load.servers import (
    FINISH,
    STREAM_END,
    STREAM_HEAD,
    Served,
    TlsBytes,
    answering,
    made_certificate,
    plain,
    proxying,
    read_request,
    scripted,
    server_tls,
    token,
)

S = 1_000_000_000
MS = 1_000_000
PATIENT = Timeouts(5 * S, 5 * S, 5 * S, 5 * S)
REQUEST = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


class Pair:
    """Both sides of TLS in memory, hands shaken; `owed` is what the server sent after that."""

    def __init__(self, certificate: Path) -> None:
        self.client = Tls(ssl.create_default_context(cafile=certificate), "127.0.0.1")
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = server_tls(certificate)
        self.server = context.wrap_bio(self._in, self._out, server_side=True)
        self.client.handshake(self._answer, self._in.write)
        self.server.do_handshake()
        self.owed = self._out.read()

    def sealed(self, *pieces: bytes) -> bytes:
        """Records of the server, one for each piece."""
        for piece in pieces:
            self.server.write(piece)
        return self._out.read()

    def closing(self) -> bytes:
        """The alert that ends TLS."""
        with pytest.raises(ssl.SSLWantReadError):
            self.server.unwrap()
        return self._out.read()

    def _answer(self, _: int) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):
            self.server.do_handshake()
        return self._out.read()


@pytest.fixture
def pair(certificate: Path) -> Pair:
    """A client and a server that trust each other."""
    return Pair(certificate)


def test_tickets_are_no_bytes_of_an_answer(pair: Pair) -> None:
    """TLS 1.3 sends them after the handshake, in front of whatever comes next."""
    assert pair.owed
    assert pair.client.decrypt(pair.owed) == Plain(b"")
    assert pair.client.decrypt(pair.sealed(b"a")) == Plain(b"a")


def test_a_record_comes_out_with_its_last_byte(pair: Pair) -> None:
    """And several at once come out together."""
    wire = pair.owed + pair.sealed(b"abc")
    pieces = [pair.client.decrypt(bytes([byte])) for byte in wire]
    assert pieces == [Plain(b"")] * (len(wire) - 1) + [Plain(b"abc")]
    assert (
        pair.client.decrypt(pair.sealed(b"d", b"e" * 40_000, b"f")).data
        == b"d" + b"e" * 40_000 + b"f"
    )


def test_the_end_of_tls_is_told_with_what_came_before_it(pair: Pair) -> None:
    """What follows it is not read."""
    wire = pair.owed + pair.sealed(b"abc") + pair.closing()
    assert pair.client.decrypt(wire) == Plain(b"abc", over=True)
    assert pair.client.decrypt(b"more") == Plain(b"", over=True)


def test_what_is_not_tls_is_an_error_after_what_was(pair: Pair) -> None:
    """The plain bytes before it are kept."""
    wire = pair.owed + pair.sealed(b"abc") + b"HTTP/1.1 200 OK\r\n\r\n"
    data, over, error = pair.client.decrypt(wire)
    assert (data, over) == (b"abc", False)
    assert error.startswith("TLS: ")


_made: list[HttpTransport] = []


@pytest.fixture(autouse=True)
def _close_transports() -> Iterator[None]:
    """Close the connections that a test's transports keep."""
    yield
    while _made:
        _made.pop().close()


@pytest.fixture(params=["gevent", "native"])
def recorder(request: pytest.FixtureRequest) -> Recorder:
    """A recorder of either kind."""
    if request.param == "gevent":
        return GeventRecorder()
    if not available():
        pytest.skip("needs the C extension: a compiler when the package is installed, on Linux")
    return NativeRecorder()


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    """A client's side that trusts the test's certificate."""
    return ssl.create_default_context(cafile=certificate)


def transport_to(
    port: int, tls: ssl.SSLContext, recorder: Recorder, timeouts: Timeouts = PATIENT
) -> HttpTransport:
    """A transport to a server of the test."""
    _made.append(HttpTransport(Endpoint("127.0.0.1", port, tls), timeouts, recorder))
    return _made[-1]


def ask(transport: HttpTransport) -> Exchange:
    """One exchange."""
    found: list[Exchange] = []
    transport.exchange(REQUEST, 1, found.append)
    return found[0]


@contextmanager
def speaking(certificate: Path, *steps: object) -> Iterator[tuple[int, Served]]:
    """A server that answers each connection's first request by steps.

    A step is a function of its side of TLS that makes bytes for the wire, or a pause in seconds.
    """

    def script(sock: socket.socket, served: Served) -> None:
        tls = TlsBytes(sock, server_tls(certificate))
        read_request(tls, served)
        for step in steps:
            if callable(step):
                sock.sendall(step(tls))
            else:
                gevent.sleep(step)  # type: ignore[arg-type]

    with scripted(script) as found:
        yield found


def test_the_handshake_has_its_own_time(
    certificate: Path, trusting: ssl.SSLContext, recorder: Recorder
) -> None:
    """Once for a connection; a kept one has none."""
    with scripted(answering(plain(b"1")), ssl_context=server_tls(certificate)) as (port, _):
        transport = transport_to(port, trusting, recorder)
        first, second = ask(transport), ask(transport)

    assert first.tls_ns is not None
    assert first.tls_ns > 0
    assert second.tls_ns is None
    assert second.reused


def test_tickets_alone_are_no_first_byte(
    certificate: Path, trusting: ssl.SSLContext, recorder: Recorder
) -> None:
    """A server that finishes the handshake and falls silent has said nothing."""
    hasty = Timeouts(S, S // 5, 5 * S, 5 * S)

    def tickets(tls: TlsBytes) -> bytes:
        tls.flush()
        return b""

    with speaking(certificate, tickets, 2) as (port, _):
        exchange = ask(transport_to(port, trusting, recorder, hasty))

    assert exchange.failure is Outcome.TIMEOUT_FIRST_BYTE
    assert exchange.tape.data == b""


def test_a_piece_has_the_time_of_the_read_that_completed_it(
    certificate: Path, trusting: ssl.SSLContext, recorder: Recorder
) -> None:
    """A record that comes in halves is not there before its second."""
    wire: list[bytes] = []
    second_half_ns: list[int] = []

    def first_half(tls: TlsBytes) -> bytes:
        tls.flush()
        wire[:] = [tls.sealed(plain(b"whole"))]
        return wire[0][:30]

    def second_half(_: TlsBytes) -> bytes:
        second_half_ns.append(now_ns())
        return wire[0][30:]

    with speaking(certificate, first_half, 0.1, second_half, 0.1) as (port, _):
        exchange = ask(transport_to(port, trusting, recorder))

    assert exchange.failure is None
    assert len(exchange.tape.arrived_ns) == 1
    assert exchange.tape.arrived_ns[0] > second_half_ns[0] - MS


def test_the_end_of_tls_in_the_middle_of_an_answer_truncates_it(
    certificate: Path, trusting: ssl.SSLContext, recorder: Recorder
) -> None:
    """Although the connection stays open, and more bytes come."""
    steps = (
        lambda tls: tls.sealed(STREAM_HEAD + token()),
        TlsBytes.closing,
        lambda _: b"x" * 99,
        2,
    )
    with speaking(certificate, *steps) as (port, _):
        exchange = ask(transport_to(port, trusting, recorder))

    assert exchange.failure is Outcome.TRUNCATED
    assert exchange.tape.data == STREAM_HEAD + token()


@pytest.mark.parametrize("in_order", [True, False])
def test_a_body_until_close_ends_with_tls_or_with_tcp(
    certificate: Path,
    trusting: ssl.SSLContext,
    recorder: Recorder,
    in_order: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:
    """Many servers close without ending TLS first; what they sent is judged by what it holds."""
    answer = b"HTTP/1.0 200 OK\r\n\r\nhello"
    steps = [lambda tls: tls.sealed(answer), *([TlsBytes.closing, 2] if in_order else [])]
    with speaking(certificate, *steps) as (port, _):
        exchange = ask(transport_to(port, trusting, recorder))

    assert exchange.failure is None
    assert exchange.tape.data == answer


def test_a_connection_whose_tls_ended_while_idle_is_not_used(
    certificate: Path, trusting: ssl.SSLContext, recorder: Recorder
) -> None:
    """The alert is noticed though TCP stays open, and costs no retry."""
    steps = (lambda tls: tls.sealed(plain(b"1")), TlsBytes.closing, 2)
    with speaking(certificate, *steps) as (port, served):
        transport = transport_to(port, trusting, recorder)
        ask(transport)
        gevent.sleep(0.05)
        second = ask(transport)

    assert (second.failure, second.reused, second.retries) == (None, False, 0)
    assert served.connections == 2


def test_bytes_that_are_not_tls_are_a_tls_outcome(
    certificate: Path, trusting: ssl.SSLContext, recorder: Recorder
) -> None:
    """In the middle of an answer, whose beginning is kept."""
    steps = (lambda tls: tls.sealed(STREAM_HEAD), lambda _: b"plain text" * 10, 2)
    with speaking(certificate, *steps) as (port, _):
        exchange = ask(transport_to(port, trusting, recorder))

    assert exchange.failure is Outcome.TLS
    assert exchange.tape.data == STREAM_HEAD


def test_a_server_that_closes_during_the_handshake_is_a_tls_outcome(
    trusting: ssl.SSLContext, recorder: Recorder
) -> None:
    """In one line, with nothing sent and nothing left open."""

    def script(sock: socket.socket, _: Served) -> None:
        sock.recv(10)

    with scripted(script) as (port, _):
        exchange = ask(transport_to(port, trusting, recorder))

    assert exchange.failure is Outcome.TLS
    assert exchange.detail
    assert exchange.sent_ns == 0
    assert recorder.connections() == 0


def test_a_handshake_that_never_ends_has_the_deadline_of_connecting(
    trusting: ssl.SSLContext, recorder: Recorder
) -> None:
    """TLS is part of `timeouts.connect`."""
    hasty = Timeouts(S // 5, 5 * S, 5 * S, 5 * S)
    with scripted(lambda *_: gevent.sleep(5)) as (port, _):
        exchange = ask(transport_to(port, trusting, recorder, hasty))

    assert exchange.failure is Outcome.TIMEOUT_CONNECT


def test_an_untrusted_certificate_is_a_tls_outcome(certificate: Path, recorder: Recorder) -> None:
    """Verification is on; the detail says what was not accepted."""
    with scripted(answering(plain(b"1")), ssl_context=server_tls(certificate)) as (port, _):
        exchange = ask(transport_to(port, ssl.create_default_context(), recorder))

    assert exchange.failure is Outcome.TLS
    assert "certificate" in exchange.detail
    assert "target.ca_file" in exchange.detail
    assert exchange.sent_ns == 0


def test_tls_to_a_port_that_does_not_speak_it_is_a_tls_outcome(recorder: Recorder) -> None:
    """A plain server behind https ends in `tls`, not in a hang."""

    def script(sock: socket.socket, _: Served) -> None:
        sock.recv(100)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with scripted(script) as (port, _):
        exchange = ask(transport_to(port, ssl.create_default_context(), recorder))

    assert exchange.failure is Outcome.TLS


def test_a_tunnel_belongs_to_the_time_of_connecting(
    certificate: Path, trusting: ssl.SSLContext, recorder: Recorder
) -> None:
    """Neither TLS nor the first byte is charged with it, and it has the deadline of connecting."""
    with (
        scripted(answering(plain(b"1")), ssl_context=server_tls(certificate)) as (port, _),
        proxying(delay_s=0.5) as (proxy_port, _),
    ):
        endpoint = Endpoint("127.0.0.1", port, trusting, Proxy("127.0.0.1", proxy_port))
        patient = HttpTransport(endpoint, PATIENT, recorder)
        hasty = HttpTransport(endpoint, Timeouts(S // 10, S, S, S), GeventRecorder())
        _made.extend([patient, hasty])
        exchange, late = ask(patient), ask(hasty)

    assert exchange.connect_ns is not None
    assert exchange.tls_ns is not None
    assert exchange.connect_ns > S // 2 > exchange.tls_ns
    assert exchange.sent_ns + S // 2 > exchange.tape.arrived_ns[0]
    assert late.failure is Outcome.TIMEOUT_CONNECT


@pytest.fixture(scope="session")
def client_cert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A client's certificate with its key."""
    return made_certificate(tmp_path_factory.mktemp("client"), "/CN=client")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_demands_a_certificate_is_shown_one(
    certificate: Path, client_cert: Path, recorder: Recorder, version: ssl.TLSVersion
) -> None:
    """With `target.client_cert` it answers; without, the outcome is `tls`, however late it says so."""
    demanding = server_tls(certificate)
    demanding.load_verify_locations(client_cert)
    demanding.verify_mode = ssl.CERT_REQUIRED
    demanding.maximum_version = version

    def script(sock: socket.socket, served: Served) -> None:
        try:
            tls = TlsBytes(sock, demanding)
        except ssl.SSLError:
            gevent.sleep(0.1)  # its alert must not be lost in a reset
            return
        read_request(tls, served)
        sock.sendall(tls.sealed(plain(b"1")))

    exchanges = []
    with scripted(script) as (port, _):
        for options in ({"client_cert": client_cert}, {}):
            url = f"https://127.0.0.1:{port}"
            target = TargetOptions.model_validate({"url": url, "ca_file": certificate, **options})
            _made.append(HttpTransport(Endpoint.of(target), PATIENT, recorder))
            exchanges.append(ask(_made[-1]))

    assert [exchange.failure for exchange in exchanges] == [None, Outcome.TLS]
    if version is ssl.TLSVersion.TLSv1_3:
        assert "target.client_cert" in exchanges[1].detail


@pytest.mark.skipif(not available(), reason="needs the C extension, on Linux")
@pytest.mark.parametrize(
    ("asked", "given"), [("auto", "native"), ("native", "native"), ("gevent", "gevent")]
)
def test_https_has_the_same_choice_of_recorders_as_http(asked: str, given: str) -> None:
    """With the limit of an answer that the options give, in either."""
    load = {"recorder": asked, "answer_limit_mb": 3}
    settings = RunConfig.model_validate({"target": {"url": "https://h"}, "load": load})
    recorder = _recorder(settings)
    recorder.close()

    assert recorder.name == given
    assert isinstance(recorder, GeventRecorder | NativeRecorder)
    assert recorder.limit_bytes == 3_000_000


SERVER = """
import socket, ssl, sys, time
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
plain, _ = listener.accept()
plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
sock = context.wrap_socket(plain, server_side=True)
sock.recv(65536)
times = []
for piece in sys.argv[2:]:
    time.sleep(0.02)
    times.append(time.time_ns())
    sock.sendall(bytes.fromhex(piece))
print(*times, flush=True)
sock.recv(1)
"""


@pytest.mark.skipif(not available(), reason="needs the C extension, on Linux")
def test_a_busy_python_delays_no_stamp_over_tls(
    certificate: Path, trusting: ssl.SSLContext
) -> None:
    """While this process is blocked for half a second, tokens keep their own arrival times."""
    pieces = [STREAM_HEAD, *[token()] * 18, FINISH + STREAM_END]
    command = [sys.executable, "-c", SERVER, str(certificate), *(piece.hex() for piece in pieces)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        recorder = NativeRecorder()
        transport = transport_to(port, trusting, recorder)
        asking = gevent.spawn(ask, transport)
        while not recorder.connections():
            gevent.sleep(0.001)
        gevent.sleep(0.01)
        monkey.get_original("time", "sleep")(0.6)
        exchange = asking.get(timeout=5)
        sent_ns = [int(word) for word in server.stdout.readline().split()]
        transport.close()

    tape = exchange.tape
    late_ns = sorted(abs(at - sent) for at, sent in zip(tape.arrived_ns, sent_ns, strict=True))
    assert tape.data == b"".join(pieces)
    assert list(tape.ends) == list(itertools.accumulate(map(len, pieces)))
    assert late_ns[len(late_ns) // 2] < 5 * MS
    assert tape.unstamped <= 2
