"""Facts about the rules in C: with or without them, the result is the same."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm import quick
from inferswarm.adapters.openai import COMPLETIONS
from inferswarm.framing import http1
from inferswarm.framing.http1 import Response, read_response
from inferswarm.histogram import Histogram
from tests.builders import CAPTURES, FUZZ, chunked, cut_at, plain_answer, tape

pytestmark = pytest.mark.skipif(not quick.BUILT, reason="needs a C compiler when installed")

HEADS = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 299 \r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.1 404 Not Found\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
]
HEADERS = [
    b"Content-Type: text/event-stream\r\n",
    b"content-type:text/plain\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"transfer-encoding: Chunked\r\n",
    b"Content-Length: 5\r\n",
    b"content-length: 05\r\n",
    b"Content-Length: +5\r\n",
    b"connection: keep-alive\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    b"x-empty: \r\n",
    b"x-spaces:  a \r\n",
    b"x-latin: \xe9\r\n",
    b"x-latin: a\x01b\r\n",
    b" folded\r\n",
    b"a b: c\r\n",
]
BODIES = [
    b"hello",
    b"",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    b"5;x=y\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"5\r\nhelloXX0\r\n\r\n",
    b"fffffffffffffff\r\nhello",
    b"5\r\nhel",
]


def as_read(data: bytes, cuts: list[int]) -> tuple[Response, Response]:
    """What both ways make of these reads; arrival times are 1, 2, ..."""
    told = tape(list(enumerate(cut_at(data, cuts), start=1)))
    return read_response(told, closed=True), http1._read_closely(told, closed=True)


@FUZZ
@given(
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(HEADERS), max_size=4),
    st.sampled_from(BODIES),
    st.lists(st.integers(0, 150), max_size=6),
)
def test_an_answer_is_the_same_both_ways(
    head: bytes, headers: list[bytes], body: bytes, cuts: list[int]
) -> None:
    """Plain heads and bodies, and the odd ones that only llhttp may judge."""
    plain, close = as_read(head + b"".join(headers) + b"\r\n" + body, cuts)
    assert plain == close


@FUZZ
@given(
    st.sampled_from(
        [plain_answer(b"hello"), HEADS[0] + HEADERS[2] + b"\r\n" + chunked(b"a", b"bc")]
    ),
    st.integers(0, 100),
    st.binary(max_size=3),
    st.lists(st.integers(0, 100), max_size=4),
)
def test_a_damaged_answer_is_the_same_both_ways(
    data: bytes, at: int, noise: bytes, cuts: list[int]
) -> None:
    """Whatever bytes stand in it, C takes only what llhttp would read as well."""
    plain, close = as_read(data[:at] + noise + data[at + len(noise) :], cuts)
    assert plain == close


@pytest.mark.parametrize("name", ["completions.stream", "chat.stream", "completions.plain"])
def test_a_real_answer_is_read_in_c(name: str) -> None:
    """What vLLM sends is plain, so that its reading costs little."""
    data = (CAPTURES / f"vllm-0.32.0.{name}.http").read_bytes()
    assert quick.response(data, [len(data)], [7]) is not None


TEXTS = st.one_of(
    st.text(min_size=1, max_size=8),
    st.sampled_from(
        [" word", "", '"', "\\", "\n", "é", "日本", "\x7f", '","finish_reason":"x', "\x00"]
    ),
)
EVENTS = st.builds(
    lambda kind, text, end: _event(kind, text, end=end),
    st.sampled_from(["text", "content", "reasoning", "reasoning_content"]),
    TEXTS,
    st.sampled_from([False, False, False, True]),
)


def _event(kind: str, text: str, *, end: bool) -> bytes:
    choice = {"text": text} if kind == "text" else {"delta": {kind: text}}
    finish = {"finish_reason": "stop" if end else None}
    return msgspec.json.encode({"id": "x", "choices": [{"index": 0, **choice, **finish}]})


def streamed(events: list[bytes]) -> Response:
    """A stream of these events, each read on its own."""
    pieces = [(at, b"data: " + data + b"\n\n") for at, data in enumerate(events)]
    return Response(200, {"content-type": "text/event-stream"}, 0, pieces, complete=True)


@FUZZ
@given(st.lists(EVENTS, max_size=30))
def test_a_stream_says_what_its_events_say_one_by_one(events: list[bytes]) -> None:
    """Events that differ only in their text are not decoded, and count all the same."""
    adapter = COMPLETIONS
    alone = [adapter.read(streamed([event]), "") for event in events]
    answer = adapter.read(streamed(events), "")
    told = [at for at, one in enumerate(alone) if one.chunk_ns]
    reasons = [bool(alone[at].reasoning_chunks) for at in told]
    leading = next((i for i, reasoned in enumerate(reasons) if not reasoned), len(reasons))

    assert answer.chunk_ns == told
    assert answer.reasoning_chunks == leading
    assert answer.ended == any(one.ended for one in alone)
    assert answer.bad_frame == ""


def test_what_is_no_text_ends_a_run_of_events() -> None:
    """Half a string, a bad escape, a control character and bytes that are not UTF-8 are left to JSON."""
    good = b'{"text":"a"}'
    for bad in (b'"', b"\\", b"\\x", b"a\\", b"\n", b"\xff", b"\\u12", b""):
        assert quick.alike([good, b'{"text":"%s"}' % bad, good], 0, b'{"text":"', b'"}') == 1


@FUZZ
@given(st.lists(st.integers(-5, 1 << 66), max_size=40), st.integers(1, 10))
def test_values_counted_together_are_values_counted_one_by_one(
    values: list[int], bits: int
) -> None:
    """Also those that do not fit into 64 bits."""
    together, single = Histogram(bits=bits), Histogram(bits=bits)
    for half in (values[::2], values[1::2]):
        together.add_all(half)
        for value in half:
            single.add(value)
    assert together == single
