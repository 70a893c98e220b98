"""The simulated JetStream over gRPC, asked by `h2` as a client that keeps small windows."""

from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Self

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from inferswarm.adapters import Answer, Wanted
from inferswarm.adapters.jetstream import DECODE_PATH, GRPC
from inferswarm.framing import grpc
from inferswarm.framing.http1 import Response
from inferswarm.framing.http2 import Kind, frame
from inferswarm.framing.protobuf import bytes_field, number_field
from inferswarm.prompts import Prompt
from inferswarm.simulator.grpc_jetstream import HEALTH_PATH
from inferswarm.simulator.process import RunningSimulator

from .conftest import Start, connect, exchange, request

MS = 1_000_000


@dataclass
class Call:
    """What came back on one stream."""

    response: Response = field(default_factory=lambda: Response(status=0))
    reset: bool = False

    @property
    def answer(self) -> Answer:
        """As the adapter reads it."""
        return GRPC.read(self.response, "")


class Client:
    """One connection."""

    def __init__(self, simulator: RunningSimulator) -> None:
        self.sock = connect(simulator)
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self.h2.initiate_connection()
        self.calls: dict[int, Call] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sock.close()

    def call(self, body: bytes, path: str = DECODE_PATH, **headers: str) -> Call:
        """Make a call; its answer is read by `wait`."""
        stream = self.h2.get_next_available_stream_id()
        asked = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "h")]
        self.h2.send_headers(
            stream, [*asked, ("content-type", "application/grpc"), *headers.items()]
        )
        self.h2.send_data(stream, body, end_stream=True)
        self.sock.sendall(self.h2.data_to_send())
        found = self.calls[stream] = Call()
        return found

    def wait(self) -> None:
        """Read until every call has ended, or the server has closed."""
        while not all(one.response.complete or one.reset for one in self.calls.values()):
            data = self.sock.recv(65536)
            if not data:
                return
            for event in self.h2.receive_data(data):
                self._take(event)
            self.sock.sendall(self.h2.data_to_send())

    def _take(self, event: object) -> None:
        match event:
            case ResponseReceived():
                response = self.calls[event.stream_id].response
                response.headers = {str(name): str(value) for name, value in event.headers}
                response.status = int(response.headers.pop(":status"))
            case DataReceived():
                self.calls[event.stream_id].response.pieces.append((0, event.data or b""))
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case TrailersReceived():
                trailers = {str(name): str(value) for name, value in event.headers}
                self.calls[event.stream_id].response.trailers = trailers
            case StreamEnded():
                self.calls[event.stream_id].response.complete = True
            case StreamReset():
                self.calls[event.stream_id].reset = True


def decode(tokens: int, text: str = "one two three") -> bytes:
    """A Decode call for so many tokens."""
    return GRPC.request(Prompt(text), Wanted(max_output_tokens=tokens)).body


def asked(
    simulator: RunningSimulator, body: bytes, *, path: str = DECODE_PATH, **headers: str
) -> Call:
    """One call on a connection of its own."""
    with Client(simulator) as client:
        found = client.call(body, path, **headers)
        client.wait()
    return found


def test_a_call_streams_tokens_in_time_and_the_truth_says_so(start: Start) -> None:
    """One message a token with its id; TTFT and ITL as configured."""
    simulator = start(backend="jetstream", ttft="50ms", itl="10ms")
    answer = asked(simulator, decode(6)).answer
    (row,) = simulator.truth()

    assert answer.chunk_tokens == [1] * 6
    assert (answer.ended, answer.error) == (True, "")
    assert (row.route, row.outcome, row.status, row.prompt_tokens) == (DECODE_PATH, "ok", 200, 3)
    assert row.token_ns[0] - row.started_ns >= 50 * MS
    assert all(later - sooner > 5 * MS for sooner, later in pairwise(row.token_ns))


def test_one_connection_carries_calls_at_once_and_in_turn(start: Start) -> None:
    """As gRPC's own clients use it."""
    simulator = start(backend="jetstream")
    with Client(simulator) as client:
        for count in (5, 2):
            calls = [client.call(decode(tokens)) for tokens in range(1, count)]
            client.wait()
            assert [len(one.answer.chunk_ns) for one in calls] == list(range(1, count))
    assert len(simulator.truth()) == 5


def test_several_tokens_may_share_a_message(start: Start) -> None:
    """As with speculative decoding."""
    answer = asked(start(backend="jetstream", tokens_per_chunk=3), decode(7)).answer

    assert answer.chunk_tokens == [3, 3, 1]


def test_answers_beyond_the_clients_windows_go_through(start: Start) -> None:
    """They are small, and renewed as the answer comes; a message may need several frames."""
    simulator = start(backend="jetstream", itl="0s", tokens_per_chunk=5_000)
    answer = asked(simulator, decode(30_000)).answer

    assert answer.chunk_tokens == [5_000] * 6
    assert answer.ended


def test_health_is_told(start: Start) -> None:
    """`is_live` is true, and that is no request of the truth."""
    simulator = start(backend="jetstream")
    call = asked(simulator, grpc.message(b""), path=HEALTH_PATH)

    assert call.response.body == grpc.message(number_field(1, 1))
    assert call.response.trailers == {"grpc-status": "0"}
    assert simulator.truth() == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (decode(0), "INVALID_ARGUMENT: max_tokens"),
        (grpc.message(number_field(4, 5)), "INVALID_ARGUMENT: text_content"),
        (decode(5)[:-1], "INTERNAL: Exception deserializing request"),
        (b"", "INTERNAL: Exception deserializing request"),
        (grpc.message(b"\xff"), "INTERNAL: Exception deserializing request"),
        (grpc.message(number_field(5, 5)), "INTERNAL: Exception deserializing request"),
        (grpc.message(decode(5)[5:] + number_field(8, 2)), "INVALID_ARGUMENT: This simulated"),
    ],
)
def test_calls_that_cannot_be_served_are_refused(start: Start, body: bytes, says: str) -> None:
    """A status without messages; the truth has them as rejected."""
    simulator = start(backend="jetstream")
    call = asked(simulator, body)

    assert call.answer.error.startswith(says)
    assert not call.response.pieces
    assert [row.outcome for row in simulator.truth()] == ["rejected"]


def test_token_ids_are_a_prompt_too(start: Start) -> None:
    """Counted one by one."""
    simulator = start(backend="jetstream")
    content = bytes_field(6, bytes_field(1, b"\x01\x02\x80\x01"))

    assert asked(simulator, grpc.message(number_field(4, 2) + content)).answer.ended
    assert simulator.truth()[0].prompt_tokens == 3


def test_unknown_methods_are_unimplemented(start: Start) -> None:
    """As gRPC's servers say."""
    call = asked(start(backend="jetstream"), decode(1), path="/jetstream_proto.Orchestrator/No")

    assert call.answer.error == "UNIMPLEMENTED: Method not found!"


def test_a_key_is_asked_for(start: Start) -> None:
    """UNAUTHENTICATED without it."""
    simulator = start(backend="jetstream", api_key="secret")

    assert asked(simulator, decode(1)).answer.error.startswith("UNAUTHENTICATED")
    assert asked(simulator, decode(1), authorization="Bearer secret").answer.ended


@pytest.mark.parametrize(
    ("rate", "error", "chunks"),
    [
        ("error_rate", "RESOURCE_EXHAUSTED", 0),
        ("stream_error_rate", "INTERNAL", 3),
    ],
)
def test_failures_are_statuses(start: Start, rate: str, error: str, chunks: int) -> None:
    """Before the first token or in the middle; the connection stays."""
    simulator = start(**{"backend": "jetstream", rate: 1})
    with Client(simulator) as client:
        for _ in range(2):
            call = client.call(decode(6))
            client.wait()
            assert call.answer.error.startswith(error)
            assert len(call.answer.chunk_ns) == chunks
    assert [row.outcome for row in simulator.truth()] == ["stream_error"] * 2


def test_a_hangup_closes_the_connection(start: Start) -> None:
    """In the middle of the answer."""
    simulator = start(backend="jetstream", hangup_rate=1)
    call = asked(simulator, decode(6))

    assert (len(call.answer.chunk_ns), call.response.complete) == (3, False)
    assert [row.outcome for row in simulator.truth()] == ["hangup"]


def test_a_client_that_resets_its_call_is_gone(start: Start) -> None:
    """Only that call ends; another on the connection goes on."""
    simulator = start(backend="jetstream", ttft="100ms")
    with Client(simulator) as client:
        client.call(decode(5_000))
        other = client.call(decode(3))
        client.h2.reset_stream(1)
        client.calls[1].reset = True
        client.sock.sendall(client.h2.data_to_send())
        client.wait()
        assert other.answer.ended
    assert sorted(row.outcome for row in simulator.truth()) == ["client_gone", "ok"]


def test_http1_is_served_on_the_same_port(start: Start) -> None:
    """The first bytes of a connection decide, however they come."""
    simulator = start(backend="jetstream")
    sent = request("/generate", {"prompt": "a", "max_tokens": 2})
    assert exchange(simulator, sent).status == 200
    assert asked(simulator, decode(2)).answer.ended
    with Client(simulator) as client:
        greeting = client.h2.data_to_send()
        for byte in greeting[:30]:
            client.sock.sendall(bytes([byte]))
        client.sock.sendall(greeting[30:])
        call = client.call(decode(1))
        client.wait()
        assert call.answer.ended


def test_what_breaks_the_protocol_ends_its_connection_only(start: Start) -> None:
    """A DATA frame before any call is answered with GOAWAY."""
    simulator = start(backend="jetstream")
    with connect(simulator) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(Kind.DATA, 0, 1, b"x"))
        while connection.recv(65536):
            continue
    with connect(simulator) as silent:
        silent.sendall(b"PRI")
        assert asked(simulator, decode(1)).answer.ended
    assert [row.outcome for row in simulator.truth()] == ["ok"]
