"""vLLM's demo server: lines of JSON that begin with the prompt."""

import json
from typing import Any

import pytest

from .wire import answered, rejected, stream

VLLM: dict[str, Any] = {"backend": "vllm"}
BODY = {"prompt": 'say "it"', "max_tokens": 3, "stream": True}


def test_lines_begin_with_the_prompt_and_hold_all_so_far() -> None:
    """Each is a JSON object of its own; nothing marks the end."""
    answer = answered("/generate", BODY, **VLLM)
    lines = b"".join(stream(answer)).splitlines(keepends=True)
    texts = [json.loads(line)["text"][0] for line in lines]
    assert all(line.startswith(b'{"text": ["say') and line.endswith(b'"]}\n') for line in lines)
    assert [len(text.split()) for text in texts] == [3, 4, 5]
    assert all(text.startswith('say "it" ') for text in texts)
    assert answer.stream_headers == ()


def test_a_plain_answer_is_the_last_line() -> None:
    """Spaced as Starlette writes it."""
    answer = answered("/generate", BODY | {"stream": False, "prompt": "é"}, **VLLM)
    body = answer.whole().body
    assert body.startswith('{"text":["é '.encode())
    assert len(json.loads(body)["text"][0].split()) == 4


@pytest.mark.parametrize("body", [b"{", {}, {"prompt": ""}, BODY | {"max_tokens": 10**9}, []])
def test_what_does_not_fit_is_a_crash(body: object) -> None:
    """HTTP 500 without JSON, as for every failure there."""
    reply = rejected("/generate", body, **VLLM)
    assert (reply.status, reply.body) == (500, b"Internal Server Error")
    assert answered("/generate", BODY, **VLLM).refusal() == reply
    assert answered("/generate", BODY, **VLLM).failure() == ()
