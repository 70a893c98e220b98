"""JetStream's gRPC: what is sent, and what each kind of answer says."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.adapters import Adapter, Answer, Wanted
from inferswarm.adapters.jetstream import DECODE_PATH, GRPC
from inferswarm.framing import grpc
from inferswarm.framing.http1 import Response
from inferswarm.framing.http2 import read_response
from inferswarm.prompts import Prompt
from tests.builders import CAPTURES, FUZZ, cut_at, splits, tape
from tests.framing.frames import answer as framed
from tests.framing.frames import status_only

PROMPT = Prompt('say "hé"\n', 3)
# As protoc's own code writes these messages.
REQUEST = b'\x20\xac\x02*\x0c\n\nsay "h\xc3\xa9"\nJ\x01aP\x01'
TOKEN = b"\x1a\x08\n\x06\n\x01x\x12\x01\x05"
NO_TEXT = b"\x1a\x05\n\x03\x12\x01\x05"
NO_IDS = b"\x1a\n\n\x08\n\x06no ids"
NOTHING = (b"", b"\x12\x00", b"\x1a\x00")
TWO_SAMPLES = (
    b"\x1a+\n\x15\n\x01x\x12\x10\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xff\xff\xff\xff\x07"
    b"\n\x12\n\x05other\x12\t\x04\x04\x04\x04\x04\x04\x04\x04\x04"
)


def wanted(**fields: object) -> Wanted:
    """What is asked for."""
    return msgspec.convert(fields, Wanted)


def read(*messages: bytes, at_ns: int = 1, **response: object) -> Answer:
    """A whole answer of these messages, message i at instant i, with status OK."""
    pieces = [(at_ns + i, grpc.message(one)) for i, one in enumerate(messages)]
    usual = {"status": 200, "complete": True, "trailers": {"grpc-status": "0"}}
    return GRPC.read(Response(pieces=pieces, **(usual | response)), "")  # type: ignore[arg-type]


def captured(name: str) -> bytes:
    """The frames of one stream that grpcio's own server sent."""
    return (CAPTURES / f"grpcio-1.85.1.decode.{name}.http2").read_bytes()


def test_a_request_is_the_message_that_protobuf_writes() -> None:
    """Field by field, in the order of their numbers, behind gRPC's prefix."""
    request = GRPC.request(
        PROMPT,
        wanted(max_output_tokens=300, extra_body={"lora_adapter_id": "a", "has_bos": True}),
    )

    assert (request.method, request.path) == ("POST", DECODE_PATH)
    assert request.body == grpc.message(REQUEST)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"stream": False}, "leave out --no-stream, or use --api generate"),
        ({"temperature": 0.5}, "request.temperature is not known there"),
        ({"usage_per_chunk": True}, "request.usage_per_chunk is not known there"),
        ({"extra_body": {"num_samples": 2}}, "num_samples is none of lora_adapter_id, has_bos"),
        ({"extra_body": {"has_bos": 1}}, "has_bos must be a bool"),
        ({"extra_body": {"lora_adapter_id": True}}, "lora_adapter_id must be a str"),
    ],
)
def test_what_the_server_cannot_do_is_refused(fields: dict[str, object], says: str) -> None:
    """With the option's name, and what to do."""
    assert says in GRPC.refusal(wanted(**fields))


def test_what_it_can_do_is_not_refused() -> None:
    """A length, and its own two fields."""
    extra = {"lora_adapter_id": "a", "has_bos": False}
    assert not GRPC.refusal(wanted(max_output_tokens=7, best_of=1, extra_body=extra))


def test_each_message_is_a_chunk_with_as_many_tokens_as_ids() -> None:
    """Negative and large ids are one token each; further samples are another answer."""
    answer = read(TOKEN, TWO_SAMPLES, NO_TEXT)

    assert answer.chunk_ns == [1, 2, 3]
    assert answer.chunk_tokens == [1, 3, 1]
    assert (answer.output_tokens, answer.count_source) == (5, "token_ids")
    assert (answer.streamed, answer.ended, answer.bad_frame) == (True, True, "")


def test_ids_that_are_not_packed_are_counted_too() -> None:
    """Readers of the format must take both."""
    assert read(b"\x1a\x06\n\x04\x10\x05\x10\x06").chunk_tokens == [2]


def test_messages_without_tokens_are_no_chunks() -> None:
    """The initial content, and streams of nothing."""
    answer = read(NOTHING[0], TOKEN, *NOTHING[1:])

    assert answer.chunk_ns == [2]


def test_text_without_ids_leaves_counting_to_chunks() -> None:
    """A count is told only when every chunk has one."""
    answer = read(TOKEN, NO_IDS)

    assert answer.chunk_ns == [1, 2]
    assert answer.chunk_tokens == []
    assert (answer.output_tokens, answer.count_source) == (None, "")


def test_a_status_after_tokens_is_an_error() -> None:
    """With its name and message; the tokens stay."""
    told = {"grpc-status": "14", "grpc-message": "gone %25"}
    answer = read(TOKEN, trailers=told)

    assert answer.error == "UNAVAILABLE: gone %"
    assert answer.chunk_ns == [1]


def test_a_stream_without_a_status_has_not_ended() -> None:
    """Neither complete nor cut."""
    assert not read(TOKEN, trailers={}).ended
    assert not read(TOKEN, complete=False, trailers={}).ended


@pytest.mark.parametrize(
    "message",
    [b"\x1a\xff", b"\x18\x05", b"\x1a\x02\x08\x05", b"<html>", b"\x1a\x08\n\x06\n\x01x\x12\x09"],
)
def test_what_is_no_answer_is_a_bad_frame(message: bytes) -> None:
    """Half a message, and numbers in a message's place."""
    assert read(TOKEN, message).bad_frame


def test_half_a_message_before_the_status_is_a_bad_frame() -> None:
    """The server said OK in the middle of one."""
    pieces = [(1, grpc.message(TOKEN)), (2, grpc.message(TOKEN)[:-1])]
    response = Response(200, pieces=pieces, complete=True, trailers={"grpc-status": "0"})

    assert GRPC.read(response, "").bad_frame
    response.complete = False
    assert not GRPC.read(response, "").bad_frame


@pytest.mark.parametrize(("name", "tokens"), [("stream", 1), ("stream_two_ids", 2)])
def test_a_captured_stream_is_read_right_however_it_was_cut(name: str, tokens: int) -> None:
    """Two reads cut at every byte, and a byte at a time."""
    for reads in splits(captured(name)):
        answer = GRPC.read(read_response(tape(enumerate(reads)), closed=False), "")
        assert answer.chunk_tokens == [tokens] * 5
        assert (answer.ended, answer.error, answer.bad_frame) == (True, "", "")


@pytest.mark.parametrize(
    ("name", "chunks", "error"),
    [
        ("refused", 0, "RESOURCE_EXHAUSTED: queue full: 100% of ü"),
        ("broken", 3, "INTERNAL: broke"),
    ],
)
def test_captured_failures_are_read_right_however_they_were_cut(
    name: str, chunks: int, error: str
) -> None:
    """A call refused at once, and one that broke after three tokens."""
    for reads in splits(captured(name)):
        answer = GRPC.read(read_response(tape(enumerate(reads)), closed=False), "")
        assert (len(answer.chunk_ns), answer.error) == (chunks, error)


def test_every_beginning_of_a_captured_stream_is_cut_not_bad() -> None:
    """What was whole counts, and nothing has ended."""
    data = captured("stream")
    for end in range(len(data)):
        answer = GRPC.read(read_response(tape([(1, data[:end])] if end else []), closed=True), "")
        assert (answer.ended, answer.error, answer.bad_frame) == (False, "", "")


def test_a_status_alone_is_an_error() -> None:
    """As h2 frames it."""
    response = read_response(tape([(1, status_only(("grpc-status", "16")))]), closed=False)

    assert GRPC.read(response, "").error == "UNAUTHENTICATED"


@FUZZ
@given(st.lists(st.binary(max_size=40), max_size=4), st.lists(st.integers(0, 500), max_size=3))
def test_any_messages_are_read_without_raising(messages: list[bytes], cuts: list[int]) -> None:
    """Noise in proper frames."""
    whole = framed(*messages)
    answer = GRPC.read(read_response(tape(enumerate(cut_at(whole, cuts))), closed=False), "")

    assert len(answer.chunk_tokens) in (0, len(answer.chunk_ns))


def test_there_is_no_list_of_models() -> None:
    """The server has one, and no call that names it."""
    adapter: Adapter = GRPC
    assert adapter.models_request() is None
    with pytest.raises(ValueError, match="no list"):
        adapter.read_models(b"")
