"""Facts about reading events of any format: what separates them, their texts, errors in words."""

import pytest

from inferswarm.doctor.texts import accumulates, framed, message_of, reasoning_field, texts
from inferswarm.framing.http1 import Response

CHAT = b'{"choices":[{"delta":{"role":"assistant","content":""}}]}'


def response(*pieces: bytes, kind: str = "text/event-stream") -> Response:
    """An answer whose body came in these pieces."""
    return Response(200, {"content-type": kind}, 1, list(enumerate(pieces)), complete=True)


@pytest.mark.parametrize(
    ("body", "kind", "found"),
    [
        (b'data: {"choices":[{"text":"a"}]}\n\ndata: [DONE]\n\n', "server-sent", ["a"]),
        (b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', "server-sent", ["a"]),
        (b"data: %s\n\n" % CHAT, "server-sent", []),
        (b'data:{"token":{"text":"a"},"generated_text":"all a"}\n\n', "server-sent", ["a"]),
        (b'data: {"text_output":"a"}\n\ndata: {"text_output":"b"}\n\n', "server-sent", ["a", "b"]),
        (b'{"text":["pa"]}\n{"text":["pab"]}\n', "JSON", ["pa", "pab"]),
        (b'{"streamContent":{"samples":[{"text":"a"}]}}', "JSON", ["a"]),
        (b'[["a",-1.5],["b",-2.0]]', "JSON", ["a"]),
        (b'{"response":"a"}', "JSON", ["a"]),
        (b"<html>", "JSON", []),
        (b"[" * 3000, "JSON", []),
    ],
)
def test_texts_are_found_in_every_format(body: bytes, kind: str, found: list[str]) -> None:
    """The first text of each event that has one, by the usual names of fields."""
    events = framed(response(body))
    assert events.kind.startswith(kind)
    assert texts(events) == found


def test_grpc_messages_are_counted_but_not_read() -> None:
    """Their text is not JSON."""
    body = b"\0\0\0\0\2ab"
    events = framed(response(body, body, kind="application/grpc"))
    assert (events.kind, len(events.data), texts(events)) == ("gRPC messages", 2, [])


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_the_field_of_reasoning_is_named(name: str) -> None:
    """Both names are in use; without reasoning there is none."""
    said = b'data: {"choices":[{"delta":{"%s":"hm"}}]}\n\n' % name.encode()
    assert reasoning_field(framed(response(said))) == name
    assert reasoning_field(framed(response(b"data: %s\n\n" % CHAT))) == ""


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (["a", "ab", "abc"], True),
        (["a", "b", "c"], False),
        (["a", "ab"], None),
        (["a", "a", "a"], None),
        ([], None),
        (["a", "ab", "abc", "ab"], True),
    ],
)
def test_cumulative_text_is_told_from_incremental(said: list[str], *, answer: bool | None) -> None:
    """Most of the changed texts begin with the one before, or do not; two events tell nothing."""
    assert accumulates(said) is answer


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":{"message":"no model","code":404}}', "no model"),
        (b'{"error":"Unauthorized"}', "Unauthorized"),
        (b'{"object":"error","message":"too long"}', "too long"),
        (b'{"detail":"not found"}', "not found"),
        (b'{"detail":[{"loc":["body"],"msg":"field required"}]}', "field required"),
        (b"Internal  Server\nError", "Internal Server Error"),
        (b"<html>no</html>", ""),
        (b"[1]", ""),
        (b"", ""),
    ],
)
def test_the_words_of_errors_are_found(body: bytes, words: str) -> None:
    """In the forms of OpenAI, FastAPI and plain text; a page is no message."""
    assert message_of(body) == words
