"""SAX's HTTP server: lists of texts and scores, FastAPI's errors, nothing streamed."""

import json
from typing import Any

import pytest

from inferswarm.simulator.generation import Generation

from .wire import answered, ask, rejected

SAX: dict[str, Any] = {"backend": "sax", "model": "/sax/test/lm2b"}
QUERY = {
    "model": "/sax/test/lm2b",
    "query": "say it",
    "extra_inputs": {"per_example_max_decode_steps": 3},
}
PROMPT = {"model": "/sax/test/lm2b", "prompt": "say it", "max_tokens": 3, "stream": True}


def test_a_query_gets_texts_with_scores() -> None:
    """The first is the answer; Python's json has put a space after each comma."""
    reply = answered("/generate", QUERY, **SAX).whole()
    (text, score), second = json.loads(reply.body)
    assert (len(text.split()), score, second[0] != text) == (3, -12.3, True)
    assert b'", -12.3], [' in reply.body


def test_a_prompt_gets_choices() -> None:
    """The OpenAI-like form; asking for a stream changes nothing."""
    asked = ask("/generate", PROMPT, **SAX)
    assert isinstance(asked, Generation)
    assert not asked.stream
    body = json.loads(answered("/generate", PROMPT, **SAX).whole().body)
    assert len(body["choices"][0]["text"].split()) == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": "/sax/test/lm2b"}, 422),
        ({"query": "a"}, 422),
        (b"{", 422),
        (QUERY | {"model": "other"}, 500),
        (QUERY | {"extra_inputs": {"per_example_max_decode_steps": 0}}, 500),
    ],
)
def test_refusals(body: object, status: int) -> None:
    """Missing fields are 422, whatever SAX itself would say is 500."""
    reply = rejected("/generate", body, **SAX)
    assert (reply.status, list(json.loads(reply.body))) == (status, ["detail"])


def test_a_missing_query_is_told_as_pydantic_1_does() -> None:
    """The server is of that time."""
    reply = rejected("/generate", {"model": "/sax/test/lm2b"}, **SAX)
    assert reply.body == (
        b'{"detail":[{"loc":["body","query"],"msg":"field required","type":"value_error.missing"}]}'
    )


def test_failures() -> None:
    """HTTP 500 with the exception's text."""
    reply = answered("/generate", QUERY, **SAX).refusal()
    assert (reply.status, list(json.loads(reply.body))) == (500, ["detail"])
