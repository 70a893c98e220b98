"""SGLang's routes: texts that hold all so far, counts in every event, its own OpenAI shapes."""

import json
from typing import Any

import pytest

from .wire import answered, objects, rejected, stream

SGLANG: dict[str, Any] = {"backend": "sglang"}
BODY = {"text": "say it", "sampling_params": {"max_new_tokens": 3}, "rid": "r", "stream": True}
CHAT = {"messages": [{"role": "user", "content": "a b"}], "max_tokens": 3, "stream": True}
USAGE = {"stream_options": {"include_usage": True}}
META = [
    "id", "finish_reason", "prompt_tokens", "weight_version", "num_retractions",
    "reasoning_tokens", "completion_tokens", "cached_tokens",
]  # fmt: skip


def test_texts_hold_all_tokens_so_far() -> None:
    """As they do unless the server is started for increments."""
    pieces = stream(answered("/generate", BODY, **SGLANG))
    events = objects(pieces)
    assert [list(one) for one in events] == [["text", "output_ids", "meta_info"]] * 3
    assert [len(one["text"].split()) for one in events] == [1, 2, 3]
    assert [len(one["output_ids"]) for one in events] == [1, 2, 3]
    assert [one["meta_info"]["completion_tokens"] for one in events] == [1, 2, 3]
    assert events[2]["text"].startswith(events[1]["text"])
    assert pieces[-1] == b"data: [DONE]\n\n"


def test_texts_can_be_increments() -> None:
    """By option; the counts run on."""
    events = objects(stream(answered("/generate", BODY, stream_text="incremental", **SGLANG)))
    assert [len(one["text"].split()) for one in events] == [1, 1, 1]
    assert [len(one["output_ids"]) for one in events] == [1, 1, 1]
    assert [one["meta_info"]["completion_tokens"] for one in events] == [1, 2, 3]


def test_meta_info() -> None:
    """The end has its reason and the time since arrival, the queue's only by option."""
    events = objects(stream(answered("/generate", BODY, cached_tokens=1, **SGLANG)))
    first, last = events[0]["meta_info"], events[2]["meta_info"]
    assert list(first) == META
    assert list(last) == [*META, "e2e_latency"]
    assert (first["id"], first["finish_reason"], first["prompt_tokens"]) == ("r", None, 2)
    assert last["finish_reason"] == {"type": "length", "length": 3}
    assert last["e2e_latency"] == pytest.approx(0.033)
    assert last["cached_tokens"] == 1
    timed = objects(stream(answered("/generate", BODY, server_timings=True, **SGLANG)))
    assert timed[0]["meta_info"]["queue_time"] == pytest.approx(0.003)


def test_a_plain_answer_is_the_last_event() -> None:
    """With all tokens, also where the server streams increments."""
    answer = answered("/generate", BODY | {"stream": False}, stream_text="incremental", **SGLANG)
    body = json.loads(answer.whole().body)
    assert len(body["text"].split()) == len(body["output_ids"]) == 3
    assert body["meta_info"]["finish_reason"]["type"] == "length"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"sampling_params": {}}, 400),
        ({"text": "a", "sampling_params": {"max_new_tokens": 0}}, 400),
        ({"text": 5}, 422),
    ],
)
def test_refusals(body: object, status: int) -> None:
    """Values that cannot be served are 400 with an error object, wrong types FastAPI's 422."""
    reply = rejected("/generate", body, **SGLANG)
    assert (reply.status, list(json.loads(reply.body))) == (
        status,
        ["error" if status == 400 else "detail"],
    )


def test_failures() -> None:
    """An error event and the end mark, or HTTP 500."""
    answer = answered("/generate", BODY, **SGLANG)
    event, done = answer.failure()
    error = objects([event])[0]["error"]
    assert list(error) == ["message", "type", "code", "retryable"]
    assert done == b"data: [DONE]\n\n"
    assert answer.refusal().status == 500


def test_chat_of_sglang() -> None:
    """Role first, reasoning in a field of its own, the finish reason in a chunk without text."""
    answer = answered("/v1/chat/completions", CHAT | USAGE, reasoning_tokens=2, **SGLANG)
    events = objects(stream(answer))
    assert list(events[0]) == ["id", "object", "created", "model", "choices", "usage"]
    deltas = [one["choices"][0]["delta"] for one in events[:-1]]
    assert list(deltas[0]) == ["role", "content", "reasoning_content", "tool_calls"]
    assert deltas[0]["role"] == "assistant"
    assert [bool(one["reasoning_content"]) for one in deltas] == [False, True, True, False, False]
    assert [bool(one["content"]) for one in deltas] == [False, False, False, True, False]
    assert events[-2]["choices"][0]["finish_reason"] == "length"
    assert events[-1]["usage"] == {
        "prompt_tokens": 2, "total_tokens": 5, "completion_tokens": 3,
        "prompt_tokens_details": None, "reasoning_tokens": 2,
    }  # fmt: skip
    whole = json.loads(answer.whole().body)["choices"][0]["message"]
    assert (len(whole["reasoning_content"].split()), len(whole["content"].split())) == (2, 1)


def test_completions_of_sglang() -> None:
    """The last text has the finish reason; running counts when they are asked for."""
    running = {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}
    body = {"prompt": "a b", "max_tokens": 3, "stream": True} | running
    events = objects(stream(answered("/v1/completions", body, cached_tokens=2, **SGLANG)))
    choice = ["index", "text", "logprobs", "finish_reason", "matched_stop"]
    assert list(events[0]["choices"][0]) == choice
    assert [one["usage"]["completion_tokens"] for one in events] == [1, 2, 3, 3]
    assert events[3]["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    whole = answered("/v1/completions", {"prompt": "a", "model": "any"}, **SGLANG).whole()
    assert json.loads(whole.body)["usage"]["completion_tokens"] == 3


def test_openai_errors_of_sglang() -> None:
    """Refusals are flat objects, events hold them under `error`."""
    reply = rejected("/v1/completions", {"prompt": "a", "max_tokens": 0}, **SGLANG)
    fields = ["object", "message", "type", "param", "code"]
    assert (reply.status, list(json.loads(reply.body))) == (400, fields)
    answer = answered("/v1/chat/completions", CHAT, **SGLANG)
    assert list(objects([answer.failure()[0]])[0]["error"]) == fields
    assert answer.refusal().status == 500
