"""Whole answers as adapters get them, and JSON that may be anything."""

import json

from hypothesis import strategies as st

from inferswarm.adapters import Adapter, Answer
from inferswarm.framing.http1 import Response, read_response
from tests.builders import CAPTURES, chunked, plain_answer, splits, stream_answer, tape

JSON_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def streamed(
    adapter: Adapter, prompt: str, *payloads: bytes, events: bool = True, cut: bool = False
) -> Answer:
    """The answer to a stream with payload i in read i; `cut` leaves the end away."""
    whole = stream_answer(*payloads) if events else JSON_HEAD + chunked(*payloads)
    reads, at = [], 0
    for payload in payloads:
        end = whole.index(payload, at) + len(payload)
        reads.append(whole[at:end])
        at = end
    reads += [] if cut else [whole[at:]]
    return adapter.read(read_response(tape(enumerate(reads)), closed=cut), prompt)


def plain(adapter: Adapter, prompt: str, body: bytes) -> Answer:
    """The answer to a JSON body in one read at instant 9."""
    return adapter.read(read_response(tape([(9, plain_answer(body))]), closed=False), prompt)


def at_every_split(adapter: Adapter, prompt: str, whole: bytes) -> Answer:
    """The answer in one read at instant 0, which every other cut must give but for the times."""
    response = read_response(tape([(0, whole)]), closed=False)
    answer, text = adapter.read(response, prompt), adapter.text(response, prompt)
    assert bool(text) == bool(answer.chunk_ns)
    for pieces in splits(whole):
        response = read_response(tape(enumerate(pieces)), closed=False)
        assert adapter.text(response, prompt) == text
        other = adapter.read(response, prompt)
        assert len(other.chunk_ns) == len(answer.chunk_ns)
        other.chunk_ns = answer.chunk_ns
        assert other == answer
    return answer


def captured(name: str) -> bytes:
    """The bytes of a recorded answer."""
    return (CAPTURES / f"{name}.http").read_bytes()


def jsonish(*names: str) -> st.SearchStrategy[object]:
    """JSON of any shape, its objects with keys of the format."""
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=4)
        ),
    )


def never_raises(adapter: Adapter, bodies: list[object], noise: bytes) -> None:
    """Read these and their words as plain answers, as events, and in a row; complete and cut."""
    encoded = [*(json.dumps(body).encode() for body in bodies), noise]
    events = b"".join(b"data: " + one + b"\n\n" for one in encoded)
    for declared in ("text/event-stream", "application/json"):
        for body in (*encoded, events, b"".join(encoded)):
            for complete in (True, False):
                headers = {"content-type": declared}
                told = Response(200, headers, 1, [(1, body)], complete=complete)
                assert isinstance(adapter.read(told, "a"), Answer)
                assert isinstance(adapter.text(told, "a"), str)


HOSTILE = {
    "deep": b"[" * 50_000,
    "deep error": b'{"error": ' + b"[" * 50_000,
    "deep unknown": b'{"x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "not UTF-8": b'{"text": "\xff", "text_output": "\xff"}',
    "no JSON": b"<html>busy</html>",
    "a number": b"7",
}
"""Bodies that no format has."""
