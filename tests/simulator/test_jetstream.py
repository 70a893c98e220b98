"""JetStream over HTTP: documents one after the other, without any framing."""

import json
from typing import Any

import pytest

from inferswarm.simulator.generation import Generation

from .wire import answered, ask, rejected, stream

JETSTREAM: dict[str, Any] = {"backend": "jetstream"}
OWN = {"max_tokens": 3, "text_content": {"text": "say it"}}
WRAPPED = {"prompt": "say it", "max_tokens": 3}


def test_its_own_server_writes_messages_side_by_side() -> None:
    """Indented by two, under the media type of events that they are not."""
    asked = ask("/v1/generate", OWN, **JETSTREAM)
    assert isinstance(asked, Generation)
    assert (asked.stream, asked.prompt_tokens, asked.max_tokens) == (True, 2, 3)
    answer = answered("/v1/generate", OWN, **JETSTREAM)
    body = b"".join(stream(answer))
    assert body.startswith(b'{\n  "streamContent": {\n    "samples": [\n      {\n        "text": "')
    assert body.count(b"}{") == 2
    sample = json.loads(answer.tokens(0, 2))["streamContent"]["samples"][0]
    assert (len(sample["text"].split()), len(sample["tokenIds"])) == (2, 2)
    assert answer.stream_headers[0][1].startswith("text/event-stream")


def test_the_wrapper_answers_whole_or_in_pieces() -> None:
    """One object with the text, or one for each token."""
    answer = answered("/generate", WRAPPED, **JETSTREAM)
    assert len(json.loads(answer.whole().body)["response"].split()) == 3
    piece = json.loads(answer.tokens(0, 1))
    assert list(piece) == ["id", "time_created", "text"]
    assert answer.stream_headers == (("content-type", "application/json"),)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/generate", {"max_tokens": 3}, 500),
        ("/v1/generate", OWN | {"stream": True}, 422),
        ("/v1/generate", {"text_content": {"text": "a"}}, 422),
        ("/generate", {"max_tokens": 3}, 422),
        ("/generate", WRAPPED | {"max_tokens": 0}, 500),
    ],
)
def test_refusals(path: str, body: object, status: int) -> None:
    """Its own server forbids fields that it does not know."""
    assert rejected(path, body, **JETSTREAM).status == status


def test_a_broken_stream_has_no_form() -> None:
    """Nothing is written: the connection breaks. Before the first token it is HTTP 500."""
    for path, body in (("/v1/generate", OWN), ("/generate", WRAPPED)):
        answer = answered(path, body, **JETSTREAM)
        assert answer.failure() == ()
        assert answer.refusal().status == 500
