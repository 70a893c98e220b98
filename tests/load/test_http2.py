"""gRPC over the transport: streams, duties of an HTTP/2 client, ends, deadlines, retries."""

import itertools
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import gevent
import pytest
from gevent import socket
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    PingAckReceived,
    RequestReceived,
    SettingsAcknowledged,
    StreamEnded,
    WindowUpdated,
)
from h2.settings import SettingCodes

from inferswarm.adapters import Answer, Wanted
from inferswarm.adapters.jetstream import GRPC
from inferswarm.exchange import Exchange, Outcome
from inferswarm.framing import grpc
from inferswarm.framing.http2 import Kind, frame, read_response
from inferswarm.framing.protobuf import bytes_field
from inferswarm.load.transport import Timeouts
from inferswarm.load.transport.gevent_recorder import GeventRecorder
from inferswarm.load.transport.http import HttpTransport
from inferswarm.load.transport.native_recorder import NativeRecorder, available
from inferswarm.load.transport.recording import ANSWER_LIMIT_BYTES
from inferswarm.prompts import Prompt
from inferswarm.proxies import Proxy
from inferswarm.target import Endpoint, GrpcWire
from tests.load.servers import Served, plain, proxying, scripted, server_tls

S = 1_000_000_000
PATIENT = Timeouts(connect_ns=5 * S, first_byte_ns=5 * S, idle_ns=5 * S, total_ns=10 * S)
HEAD = [(":status", "200"), ("content-type", "application/grpc")]
OK = [("grpc-status", "0")]
RECV_BYTES = 65536

EventT = TypeVar("EventT", bound=Event)

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
        _way.client.set_alpn_protocols(["h2"])
        _way.server = server_tls(certificate)
        _way.server.set_alpn_protocols(["h2"])


@dataclass
class Peer:
    """A server's side of one connection, with `h2` in the test's hands."""

    sock: socket.socket
    served: Served
    h2: H2Connection = field(
        default_factory=lambda: H2Connection(H2Configuration(client_side=False))
    )
    seen: list[Event] = field(default_factory=list)

    def until(self, kind: type[EventT], count: int = 1) -> list[EventT]:
        """Read until so many events of a kind were seen in all; EOFError when the client left."""
        while len(found := [one for one in self.seen if isinstance(one, kind)]) < count:
            data = self.sock.recv(RECV_BYTES)
            if not data:
                raise EOFError
            for event in self.h2.receive_data(data):
                self.seen.append(event)
                if isinstance(event, DataReceived):
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.flush()
        return found

    def flush(self) -> None:
        """Send what h2 has to say."""
        self.sock.sendall(self.h2.data_to_send())

    def request(self, number: int = 1) -> int:
        """Wait for the request `number` of this connection; gives its stream."""
        stream = self.until(StreamEnded, number)[-1].stream_id
        body = b"".join(
            one.data or b""
            for one in self.seen
            if isinstance(one, DataReceived) and one.stream_id == stream
        )
        self.served.requests.append(body)
        return stream

    def head(self, stream: int) -> None:
        """Send the head of an answer."""
        self.h2.send_headers(stream, HEAD)
        self.flush()

    def token(self, stream: int, text: bytes = b" a") -> None:
        """Send one token, in a write of its own."""
        self.h2.send_data(stream, token(text))
        self.flush()

    def end(self, stream: int, status: list[tuple[str, str]] = OK) -> None:
        """Send the trailers."""
        self.h2.send_headers(stream, status, end_stream=True)
        self.flush()

    def answer(self, number: int = 1) -> None:
        """Answer request `number` of the connection with one token."""
        stream = self.request(number)
        self.head(stream)
        self.token(stream)
        self.end(stream)


Script = Callable[[Peer], None]


def token(text: bytes) -> bytes:
    """One token as Decode streams it."""
    sample = bytes_field(1, text) + bytes_field(2, b"\x07")
    return grpc.message(bytes_field(3, bytes_field(1, sample)))


def serving(
    script: Script, window: int | None = None
) -> AbstractContextManager[tuple[int, Served]]:
    """A server whose every connection is handled by `script`, after its greeting."""

    def handle(sock: socket.socket, served: Served) -> None:
        peer = Peer(sock, served)
        peer.h2.initiate_connection()
        if window is not None:
            peer.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        peer.flush()
        try:
            script(peer)
        except EOFError:
            return

    return scripted(handle, **({"ssl_context": _way.server} if _way.server else {}))


def transport_to(
    port: int,
    timeouts: Timeouts = PATIENT,
    limit_bytes: int = ANSWER_LIMIT_BYTES,
    **endpoint: object,
) -> HttpTransport:
    """A transport to a server of the test."""
    recorder = NativeRecorder(limit_bytes) if _way.native else GeventRecorder(limit_bytes)
    where = Endpoint("127.0.0.1", port, _way.client, framing="http2", **endpoint)  # type: ignore[arg-type]
    _made.append(HttpTransport(where, timeouts, recorder))
    return _made[-1]


def ask(transport: HttpTransport, text: str = "hello") -> Exchange:
    """One exchange; fails when `done` is not called exactly once."""
    wire = GrpcWire("http", "127.0.0.1", "", (("x-key", "secret"),))
    found: list[Exchange] = []
    request = GRPC.request(Prompt(text), Wanted(max_output_tokens=5))
    transport.exchange(wire.bytes_of(request), 1, found.append)
    (exchange,) = found
    assert exchange.framing == "http2"
    return exchange


def read(exchange: Exchange) -> Answer:
    """What the exchange's answer says."""
    return GRPC.read(read_response(exchange.tape, closed=True), "")


def test_a_call_is_answered_and_its_tape_holds_its_stream_only() -> None:
    """Settings, acknowledgements and windows of the connection are not on the tape."""

    def script(peer: Peer) -> None:
        peer.answer()
        peer.until(RequestReceived, 2)

    with serving(script) as (port, served):
        exchange = ask(transport_to(port))

    answer = read(exchange)
    assert (exchange.failure, answer.ended, answer.error) == (None, True, "")
    assert answer.chunk_tokens == [1]
    assert exchange.tape.data[3] == Kind.HEADERS
    assert b"hello" in served.requests[0]
    assert exchange.connect_ns is not None
    assert exchange.bytes_out > len(served.requests[0])


def test_tokens_have_the_times_of_their_reads() -> None:
    """Each token sent on its own is a read of its own, later than the one before."""

    def script(peer: Peer) -> None:
        stream = peer.request()
        peer.head(stream)
        for _ in range(3):
            peer.token(stream)
            gevent.sleep(0.03)
        peer.end(stream)
        peer.until(RequestReceived, 2)

    with serving(script) as (port, _):
        exchange = ask(transport_to(port))

    first, second, third = read(exchange).chunk_ns
    assert exchange.sent_ns < first
    assert second - first > 0.02 * S
    assert third - second > 0.02 * S
    assert exchange.tape.unstamped == 0


def test_a_connection_is_used_again() -> None:
    """The second call is the next stream of the same connection, with the same headers."""

    def script(peer: Peer) -> None:
        for number in (1, 2, 3):
            peer.answer(number)
        peer.until(RequestReceived, 4)

    with serving(script) as (port, served):
        transport = transport_to(port)
        exchanges = [ask(transport) for _ in range(3)]

    assert served.connections == 1
    assert [one.reused for one in exchanges] == [False, True, True]
    assert all(read(one).ended for one in exchanges)


def test_without_keep_alive_each_call_has_its_connection() -> None:
    """As `target.keep_alive` says."""
    with serving(Peer.answer) as (port, served):
        transport = transport_to(port, keep_alive=False)
        exchanges = [ask(transport) for _ in range(2)]

    assert served.connections == 2
    assert not any(one.reused for one in exchanges)


def test_pings_and_settings_are_answered_at_once() -> None:
    """While an answer is awaited, and between two, without disturbing the tape."""
    answered: list[PingAckReceived] = []

    def script(peer: Peer) -> None:
        stream = peer.request()
        peer.h2.ping(b"12345678")
        peer.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 7})
        peer.flush()
        peer.until(PingAckReceived)
        peer.until(SettingsAcknowledged, 2)
        peer.head(stream)
        peer.token(stream)
        peer.end(stream)
        peer.h2.ping(b"idle-now")
        peer.flush()
        answered.extend(peer.until(PingAckReceived, 2))
        peer.answer(2)
        peer.until(RequestReceived, 3)

    with serving(script) as (port, served):
        transport = transport_to(port)
        first = ask(transport)
        gevent.sleep(0.1)
        second = ask(transport)

    assert [one.ping_data for one in answered] == [b"12345678", b"idle-now"]
    assert served.connections == 1
    assert (first.failure, second.failure, second.reused) == (None, None, True)
    assert read(first).chunk_tokens == read(second).chunk_tokens == [1]


def test_no_window_is_ever_closed_to_the_server() -> None:
    """Answers longer than the usual window come without waiting, and the next call gives it back."""
    text = b"x" * 9_000

    def script(peer: Peer) -> None:
        stream = peer.request()
        peer.head(stream)
        before = len([one for one in peer.seen if isinstance(one, WindowUpdated)])
        for _ in range(100):
            peer.token(stream, text)
        assert len([one for one in peer.seen if isinstance(one, WindowUpdated)]) == before
        peer.end(stream)
        peer.answer(2)
        returned.extend(peer.until(WindowUpdated, before + 1))
        peer.until(RequestReceived, 3)

    returned: list[WindowUpdated] = []
    with serving(script) as (port, _):
        transport = transport_to(port)
        first, second = ask(transport), ask(transport)

    assert len(read(first).chunk_ns) == 100
    assert read(second).ended
    assert returned[-1].delta == 100 * len(token(text))


@pytest.mark.parametrize("window", [None, 1_000, 0], ids=["usual", "small", "none at first"])
def test_a_long_prompt_waits_for_the_servers_windows(window: int | None) -> None:
    """More than the server has room for at once is sent piece by piece, as it makes room."""
    text = "word " * 60_000

    def script(peer: Peer) -> None:
        if window == 0:
            peer.until(DataReceived)
            gevent.sleep(0.05)
            peer.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 50_000})
            peer.flush()
        peer.answer()
        peer.until(RequestReceived, 2)

    with serving(script, window) as (port, served):
        exchange = ask(transport_to(port), text)

    assert read(exchange).ended
    assert text.encode() in served.requests[0]


def test_a_prompt_larger_than_the_sockets_buffer_goes_out_as_it_is_read() -> None:
    """Where the windows are wide open, what the socket does not take at once waits in our hands."""
    text = "x" * 20_000_000

    def script(peer: Peer) -> None:
        peer.h2.increment_flow_control_window(1 << 30)
        peer.until(DataReceived)
        gevent.sleep(0.1)
        peer.answer()
        peer.until(RequestReceived, 2)

    with serving(script, 1 << 30) as (port, served):
        transport = transport_to(port)
        exchange = ask(transport, text)

    assert read(exchange).ended
    assert len(served.requests[0]) > len(text)


def test_an_answer_before_the_whole_prompt_ends_the_call() -> None:
    """A server may refuse early; the connection with half a request in it is not used again."""

    def script(peer: Peer) -> None:
        peer.until(RequestReceived)
        peer.h2.send_headers(1, [*HEAD, ("grpc-status", "8")], end_stream=True)
        peer.sock.sendall(peer.h2.data_to_send())
        gevent.sleep(0.2)

    with serving(script, 0) as (port, served):
        transport = transport_to(port)
        exchanges = [ask(transport, "x" * 100_000) for _ in range(2)]

    assert [read(one).error for one in exchanges] == ["RESOURCE_EXHAUSTED"] * 2
    assert served.connections == 2


def test_a_status_after_tokens_is_an_error_of_the_answer() -> None:
    """The call is whole as HTTP, and its connection stays."""

    def script(peer: Peer) -> None:
        stream = peer.request()
        peer.head(stream)
        peer.token(stream)
        peer.end(stream, [("grpc-status", "13"), ("grpc-message", "broke")])
        peer.answer(2)
        peer.until(RequestReceived, 3)

    with serving(script) as (port, served):
        transport = transport_to(port)
        first, second = ask(transport), ask(transport)

    assert (first.failure, read(first).error) == (None, "INTERNAL: broke")
    assert read(second).ended
    assert served.connections == 1


def test_a_reset_stream_is_truncated_with_the_reason() -> None:
    """RST_STREAM after a token."""

    def script(peer: Peer) -> None:
        stream = peer.request()
        peer.head(stream)
        peer.token(stream)
        peer.h2.reset_stream(stream, 2)
        peer.flush()
        peer.until(RequestReceived, 2)

    with serving(script) as (port, _):
        exchange = ask(transport_to(port))

    assert exchange.failure is Outcome.TRUNCATED
    assert exchange.detail == "the server reset the stream: INTERNAL_ERROR"
    assert read(exchange).chunk_tokens == [1]


def test_a_refused_stream_of_a_kept_connection_is_asked_once_more() -> None:
    """REFUSED_STREAM says that nothing was done: a fresh connection gets the call."""

    def script(peer: Peer) -> None:
        peer.answer()
        stream = peer.request(2)
        peer.h2.reset_stream(stream, 7)
        peer.flush()
        peer.until(RequestReceived, 3)

    with serving(script) as (port, served):
        transport = transport_to(port)
        first, second = ask(transport), ask(transport)

    assert (first.retries, second.retries) == (0, 1)
    assert read(second).ended
    assert served.connections == 2


def test_after_goaway_an_answer_ends_and_the_connection_with_it() -> None:
    """A server that goes away answers what it took, and gets nothing more."""

    def script(peer: Peer) -> None:
        stream = peer.request()
        peer.head(stream)
        peer.sock.sendall(frame(Kind.GOAWAY, 0, 0, struct.pack(">II", stream, 0)))
        peer.token(stream)
        peer.end(stream)
        gevent.sleep(0.3)

    with serving(script) as (port, served):
        transport = transport_to(port)
        first, second = ask(transport), ask(transport)

    assert read(first).ended
    assert read(second).ended
    assert (served.connections, second.reused, second.retries) == (2, False, 0)


def test_goaway_between_calls_is_heeded() -> None:
    """The idle connection is left, without a try on it."""

    def script(peer: Peer) -> None:
        peer.answer()
        peer.sock.sendall(frame(Kind.GOAWAY, 0, 0, struct.pack(">II", 1, 0)))
        gevent.sleep(0.3)

    with serving(script) as (port, served):
        transport = transport_to(port)
        ask(transport)
        gevent.sleep(0.1)
        second = ask(transport)

    assert (served.connections, second.reused, second.retries) == (2, False, 0)


def test_goaway_below_the_stream_means_that_it_was_not_taken() -> None:
    """On a fresh connection there is no second try, and the reason is told."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.sock.sendall(frame(Kind.GOAWAY, 0, 0, struct.pack(">II", 0, 11)))
        gevent.sleep(0.3)

    with serving(script) as (port, _):
        exchange = ask(transport_to(port))

    assert (exchange.failure, exchange.retries) == (Outcome.TRUNCATED, 0)
    assert exchange.detail == "the server goes away: ENHANCE_YOUR_CALM"


def test_a_kept_connection_that_died_is_replaced_once() -> None:
    """As with HTTP/1.1."""
    with serving(Peer.answer) as (port, served):
        transport = transport_to(port)
        exchanges = [ask(transport) for _ in range(3)]

    assert all(read(one).ended for one in exchanges)
    assert served.connections == 3


def test_a_connection_closed_in_the_middle_is_truncated() -> None:
    """What came until then is on the tape."""

    def script(peer: Peer) -> None:
        stream = peer.request()
        peer.head(stream)
        peer.token(stream)

    with serving(script) as (port, _):
        exchange = ask(transport_to(port))

    assert exchange.failure is Outcome.TRUNCATED
    assert read(exchange).chunk_tokens == [1]


def test_silence_is_timed_out_whatever_the_connection_says() -> None:
    """Pings are no answer: neither the first byte nor a token."""

    def script(peer: Peer) -> None:
        stream = peer.request()
        if len(peer.served.requests) == 2:
            peer.head(stream)
        while True:
            peer.h2.ping(b"12345678")
            peer.flush()
            gevent.sleep(0.02)

    hasty = Timeouts(connect_ns=5 * S, first_byte_ns=S // 5, idle_ns=S // 5, total_ns=5 * S)
    with serving(script) as (port, _):
        transport = transport_to(port, hasty)
        first, second = ask(transport), ask(transport)

    assert first.failure is Outcome.TIMEOUT_FIRST_BYTE
    assert second.failure is Outcome.TIMEOUT_IDLE
    assert not first.tape.data


def test_a_long_answer_is_cut_by_the_total_deadline() -> None:
    """Tokens that never end."""

    def script(peer: Peer) -> None:
        stream = peer.request()
        peer.head(stream)
        while True:
            peer.token(stream)
            gevent.sleep(0.02)

    hasty = Timeouts(connect_ns=5 * S, first_byte_ns=5 * S, idle_ns=5 * S, total_ns=S // 4)
    with serving(script) as (port, _):
        exchange = ask(transport_to(port, hasty))

    assert exchange.failure is Outcome.TIMEOUT_TOTAL
    assert len(read(exchange).chunk_ns) > 2


def test_a_cancelled_call_ends_as_cancelled() -> None:
    """At the end of a run."""

    def script(peer: Peer) -> None:
        stream = peer.request()
        peer.head(stream)
        gevent.sleep(1)

    with serving(script) as (port, _):
        transport = transport_to(port)
        gevent.spawn_later(0.1, transport.cancel_all)
        exchange = ask(transport)

    assert exchange.failure is Outcome.CANCELLED


def test_an_answer_beyond_the_limit_is_cut() -> None:
    """`load.answer_limit_mb` holds here too."""

    def script(peer: Peer) -> None:
        stream = peer.request()
        peer.head(stream)
        while True:
            peer.token(stream, b"x" * 10_000)

    with serving(script) as (port, _):
        exchange = ask(transport_to(port, limit_bytes=100_000))

    assert exchange.failure is Outcome.TRUNCATED
    assert "answer_limit_mb" in exchange.detail


def test_a_server_of_http1_is_recognised() -> None:
    """The answer of the wrong protocol is on the tape, and what it is is told."""

    def script(sock: socket.socket, _: Served) -> None:
        sock.recv(RECV_BYTES)
        sock.sendall(plain(b"{}", "400 Bad Request"))
        gevent.sleep(0.2)

    with scripted(script, **({"ssl_context": _way.server} if _way.server else {})) as (port, _):
        exchange = ask(transport_to(port))

    assert exchange.failure is None
    assert "HTTP/1" in read_response(exchange.tape, closed=True).error


def test_tls_without_http2_is_a_tls_outcome() -> None:
    """A server that does not agree on h2 is not asked."""
    if _way.server is None:
        pytest.skip("about TLS only")
    _way.server.set_alpn_protocols(["http/1.1"])
    with serving(Peer.answer) as (port, _):
        exchange = ask(transport_to(port))

    assert exchange.failure is Outcome.TLS
    assert "HTTP/2" in exchange.detail or "APPLICATION_PROTOCOL" in exchange.detail


def test_a_proxy_passes_the_connection_on() -> None:
    """Proxies know nothing of HTTP/2 without TLS, so they are asked for a tunnel."""

    def script(peer: Peer) -> None:
        peer.answer()
        peer.until(RequestReceived, 2)

    with serving(script) as (port, _), proxying() as (proxy_port, asked):
        exchange = ask(transport_to(port, proxy=Proxy("127.0.0.1", proxy_port)))

    assert read(exchange).ended
    assert asked.requests[0].startswith(b"CONNECT ")
