"""The transport: connections, deadlines, retries, and the tape it records."""

import itertools
import socket as plain_socket
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
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
from inferswarm.load.transport.recording import ANSWER_LIMIT_BYTES
from inferswarm.proxies import Proxy
from inferswarm.target import Endpoint
from tests.load.servers import (
    FINISH,
    STREAM_END,
    STREAM_HEAD,
    Script,
    Served,
    answering,
    chunk,
    plain,
    proxying,
    read_request,
    scripted,
    server_tls,
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


@dataclass
class Way:
    """How the test under way reaches its servers."""

    native: bool = False
    client: ssl.SSLContext | None = None
    server: ssl.SSLContext | None = None


_way = Way()


@pytest.fixture(
    params=itertools.product(["gevent", "native"], ["TCP", "TLS"]), ids="-".join, autouse=True
)
def way(request: pytest.FixtureRequest) -> None:
    """Every test holds for both recorders, over TCP and over TLS."""
    recorder, carrier = request.param
    if recorder == "native" and not available():
        pytest.skip("needs the C extension: a compiler when the package is installed, on Linux")
    _way.native = recorder == "native"
    _way.client = _way.server = None
    if carrier == "TLS":
        certificate: Path = request.getfixturevalue("certificate")
        _way.client = ssl.create_default_context(cafile=certificate)
        _way.server = server_tls(certificate)


def new_recorder(limit_bytes: int = ANSWER_LIMIT_BYTES) -> Recorder:
    """A recorder of the kind under test."""
    return NativeRecorder(limit_bytes) if _way.native else GeventRecorder(limit_bytes)


def serving(script: Script) -> AbstractContextManager[tuple[int, Served]]:
    """A scripted server, behind TLS where that is under test."""
    return scripted(script, **({"ssl_context": _way.server} if _way.server else {}))


def transport_to(
    port: int, timeouts: Timeouts = PATIENT, recorder: Recorder | None = None, **endpoint: object
) -> HttpTransport:
    """A transport to a server of the test."""
    where = Endpoint("127.0.0.1", port, _way.client, **endpoint)  # type: ignore[arg-type]
    _made.append(HttpTransport(where, timeouts, recorder or new_recorder()))
    return _made[-1]


def ask(transport: HttpTransport, wire: bytes = REQUEST) -> Exchange:
    """One exchange; fails when `done` is not called exactly once."""
    found: list[Exchange] = []
    transport.exchange(wire, 1, found.append)
    (exchange,) = found
    return exchange


def test_an_answer_of_declared_length_is_complete() -> None:
    """The tape holds every byte and the exchange has no failure."""
    with serving(answering(plain(b'{"a":1}'))) as (port, served):
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

    with serving(script) as (port, _):
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
    with serving(answering(plain(b"1"))) as (port, served):
        transport = transport_to(port)
        first, second = ask(transport), ask(transport)

    assert served.connections == 1
    assert (first.reused, second.reused) == (False, True)
    assert second.connect_ns is None


def test_connection_close_is_obeyed() -> None:
    """After `Connection: close` the next request opens a new connection."""
    answer = plain(b"1", extra=b"Connection: close\r\n")
    with serving(answering(answer, keep=False)) as (port, served):
        transport = transport_to(port)
        ask(transport)
        assert ask(transport).reused is False

    assert served.connections == 2


def test_a_body_until_close_ends_with_the_connection() -> None:
    """Without a declared length the server's close is the proper end."""
    answer = b"HTTP/1.0 200 OK\r\n\r\nhello"
    with serving(answering(answer, keep=False)) as (port, _):
        exchange = ask(transport_to(port))

    assert exchange.failure is None
    assert exchange.tape.data == answer


def test_interim_answers_are_read_over() -> None:
    """A 100 Continue is not the answer."""
    answer = b"HTTP/1.1 100 Continue\r\n\r\n" + plain(b"1")
    with serving(answering(answer)) as (port, _):
        assert ask(transport_to(port)).tape.data == answer


def test_a_dead_kept_connection_is_replaced_once() -> None:
    """A server that closes after its answer costs a retry, not a failure."""

    def script(sock: socket.socket, served: Served) -> None:
        read_request(sock, served)
        sock.sendall(plain(b"1"))
        read_request(sock, served)  # closes in the face of the second request

    with serving(script) as (port, served):
        transport = transport_to(port)
        ask(transport)
        second = ask(transport)

    assert second.failure is None
    assert second.retries == 1
    assert second.reused is False
    assert served.connections == 2


def test_a_kept_connection_closed_while_idle_is_not_used() -> None:
    """The close is noticed before the next request, which needs no retry."""
    with serving(answering(plain(b"1"), keep=False)) as (port, _):
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

    with serving(script) as (port, served):
        transport = transport_to(port)
        ask(transport)
        second = ask(transport)

    assert second.failure is Outcome.TRUNCATED
    assert second.retries == 0
    assert served.connections == 1


def test_a_fresh_connection_that_dies_is_not_retried() -> None:
    """A server that closes without a word gives one truncated exchange."""
    with serving(answering(keep=False)) as (port, served):
        exchange = ask(transport_to(port))

    assert exchange.failure is Outcome.TRUNCATED
    assert exchange.retries == 0
    assert served.connections == 1


def test_bytes_after_the_answer_end_the_connection() -> None:
    """What follows a complete answer is never taken for the next one's."""
    with serving(answering(plain(b"1") + b"HTTP/1.1 500 Oops\r\n\r\n")) as (port, served):
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
    with serving(script) as (port, _):  # type: ignore[arg-type]
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

    with serving(script) as (port, _):
        exchange = ask(transport_to(port, Timeouts(S, S, S // 2, 5 * S)))

    assert exchange.failure is None


def test_cancel_all_ends_what_is_under_way() -> None:
    """Waiting and connecting exchanges alike end as cancelled, and none is left."""
    found: list[Exchange] = []
    with serving(never) as (port, served):
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
    with serving(one_token) as (port, served):
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

    with serving(deaf) as (port, served):
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

    with serving(hasty) as (port, _):
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

    with serving(script) as (port, served):
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

    with serving(script) as (port, _):
        transport = transport_to(port)
        gevent.joinall([gevent.spawn(one, n, transport) for n in range(100)], raise_error=True)

    for number, exchange in found.items():
        assert exchange.tape.data == STREAM_HEAD + chunk(b"/%d" % number) * 5 + STREAM_END


def test_without_keep_alive_each_request_has_a_connection_of_its_own() -> None:
    """Also when the server would keep it."""
    with serving(answering(plain(b"1"))) as (port, served):
        transport = transport_to(port, keep_alive=False)
        assert [ask(transport).reused for _ in range(3)] == [False] * 3
        assert transport.recorder.connections() == 0

    assert served.connections == 3


def test_open_connections_are_counted() -> None:
    """Kept ones too, until they are closed."""
    with serving(answering(plain(b"1"))) as (port, _):
        transport = transport_to(port)
        assert transport.recorder.connections() == 0
        gevent.joinall([gevent.spawn(ask, transport) for _ in range(3)], raise_error=True)
        assert transport.recorder.connections() == 3
        transport.close()

    assert transport.recorder.connections() == 0


def test_an_answer_above_the_limit_is_truncated() -> None:
    """What came is kept, the option is named, and the connection is not used again."""
    big = plain(b"x" * 3_000_000)
    with serving(answering(big)) as (port, served):
        transport = transport_to(port, recorder=new_recorder(1_000_000))
        exchange = ask(transport)
        assert ask(transport).reused is False

    assert exchange.failure is Outcome.TRUNCATED
    assert exchange.detail == "the answer is larger than load.answer_limit_mb, 1 MB"
    assert 1_000_000 < len(exchange.tape.data) < 2_200_000
    assert big.startswith(exchange.tape.data)
    assert served.connections == 2


def test_an_answer_as_large_as_the_limit_is_complete() -> None:
    """The limit is exact, whatever the recorder makes ready."""
    answer = plain(b"x" * 999_900)
    answer += b"x" * (1_000_000 - len(answer))
    answer = answer.replace(b"999900", b"%d" % (len(answer) - answer.index(b"\r\n\r\n") - 4))
    with serving(answering(answer)) as (port, _):
        exchange = ask(transport_to(port, recorder=new_recorder(1_000_000)))

    assert exchange.failure is None
    assert exchange.tape.data == answer


def test_the_address_is_that_of_the_peer_also_by_ipv6() -> None:
    """With brackets around an IPv6 address."""
    with plain_socket.socket(plain_socket.AF_INET6) as listener:
        try:
            listener.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
        listener.listen()
        port = listener.getsockname()[1]
        transport = HttpTransport(Endpoint("::1", port), PATIENT, new_recorder())
        _made.append(transport)
        found: list[Exchange] = []
        asking = gevent.spawn(transport.exchange, REQUEST, 1, found.append)
        peer, _ = listener.accept()
        peer.close()
        asking.join(timeout=5)

    assert [exchange.address for exchange in found] == [f"[::1]:{port}"]


def by_proxy(port: int, target: int) -> tuple[HttpTransport, bytes]:
    """A transport by a proxy, and a request to the target as the proxy must be told it."""
    proxy = Proxy("127.0.0.1", port, "Basic eDp5")
    origin = "" if _way.client else f"http://127.0.0.1:{target}"
    wire = f"GET {origin}/x HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    return transport_to(target, proxy=proxy), wire


def test_a_proxy_passes_requests_on() -> None:
    """In absolute form, or by a tunnel for TLS, which is opened once for each connection."""
    with serving(answering(plain(b"1"))) as (target, served), proxying() as (port, seen):
        transport, wire = by_proxy(port, target)
        first, second = ask(transport, wire), ask(transport, wire)

    assert first.tape.data == second.tape.data == plain(b"1")
    assert first.address == f"127.0.0.1:{port}"
    assert second.reused
    assert served.connections == seen.connections == 1
    assert served.requests[0].startswith(b"GET /x HTTP/1.1\r\n")
    if _way.client:
        assert seen.requests[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % target)
        assert b"\r\nProxy-Authorization: Basic eDp5\r\n" in seen.requests[0]
        assert b"eDp5" not in served.requests[0]


def test_a_proxy_that_wants_a_password_is_a_connect_outcome() -> None:
    """407 is always the proxy's own, and says so."""
    refusal = plain(b"<html>", status="407 Proxy Authentication Required")
    with proxying(refusal) as (port, _):
        transport, wire = by_proxy(port, 1)
        exchange = ask(transport, wire)

    assert exchange.failure is Outcome.CONNECT
    assert "HTTP 407; give target.proxy a user and a password" in exchange.detail


def test_a_proxy_that_cannot_reach_the_target_refuses_a_tunnel() -> None:
    """In absolute form 502 may as well be the target's own, and stays an answer."""
    with proxying(plain(b"", status="502 Bad Gateway")) as (port, _):
        transport, wire = by_proxy(port, 1)
        exchange = ask(transport, wire)

    if _way.client:
        assert exchange.failure is Outcome.CONNECT
        assert exchange.detail == f"proxy 127.0.0.1:{port}: the proxy refused with HTTP 502"
    else:
        assert exchange.failure is None
        assert b"502" in exchange.tape.data


def test_a_proxy_that_is_not_there_is_a_connect_outcome() -> None:
    """The detail names the proxy, not the target."""
    with plain_socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        exchange = ask(by_proxy(port, 1)[0])

    assert exchange.failure is Outcome.CONNECT
    assert exchange.detail == f"proxy 127.0.0.1:{port}: Connection refused"
