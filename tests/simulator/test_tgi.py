"""TGI's routes: events, headers, details, and errors that come under HTTP 200 in streams."""

import json
from typing import Any

import pytest

from inferswarm.simulator import http
from inferswarm.simulator.generation import Generation

from .wire import answered, ask, objects, rejected, sent, stream

TGI: dict[str, Any] = {"backend": "tgi"}
DETAILED = {"inputs": "say it", "parameters": {"max_new_tokens": 3, "details": True}}
PLAIN = {"inputs": "say it", "parameters": {"max_new_tokens": 4}}
COMPUTED = [
    "x-compute-type", "x-compute-time", "x-compute-characters", "x-total-time",
    "x-validation-time", "x-queue-time", "x-inference-time", "x-time-per-token",
    "x-prompt-tokens", "x-generated-tokens",
]  # fmt: skip


def test_a_stream_has_an_event_for_each_token() -> None:
    """The last one repeats the text and has the details; there is no end mark."""
    pieces = stream(answered("/generate_stream", DETAILED, **TGI))
    events = objects(pieces)
    assert all(piece.startswith(b'data:{"index":') for piece in pieces)
    assert [list(one) for one in events] == [["index", "token", "generated_text", "details"]] * 3
    assert list(events[0]["token"]) == ["id", "text", "logprob", "special"]
    assert [one["index"] for one in events] == [1, 2, 3]
    assert [one["generated_text"] for one in events[:2]] == [None, None]
    assert events[2]["generated_text"] == "".join(one["token"]["text"] for one in events)
    assert events[2]["details"] == {
        "finish_reason": "length", "generated_tokens": 3, "seed": None, "input_length": 2,
    }  # fmt: skip


def test_tokens_that_come_together_keep_their_own_events() -> None:
    """A write of several tokens is several events, and details are not told unasked."""
    answer = answered("/generate_stream", PLAIN, **TGI)
    events = objects([answer.tokens(0, 3)])
    assert [one["index"] for one in events] == [1, 2, 3]
    assert events[2]["details"] is None


def test_the_head_of_a_stream_is_axums() -> None:
    """The date comes last, no server is named."""
    answer = answered("/generate_stream", PLAIN, **TGI)
    head = http.stream_head(answer.stream_headers, answer.manner, keep_alive=True).decode()
    names = [line.partition(":")[0] for line in head.split("\r\n")[1:-2]]
    assert names[:4] == [
        "content-type", "x-compute-type", "x-compute-characters", "x-accel-buffering",
    ]  # fmt: skip
    assert names[-2:] == ["transfer-encoding", "date"]
    assert "content-type: text/event-stream\r\n" in head


def test_a_plain_answer_tells_counts_and_times_in_its_head() -> None:
    """3 ms of queue, 30 ms of inference for 3 tokens, 2 tokens and 6 characters of prompt."""
    reply = answered("/generate", PLAIN, **TGI).whole()
    computed = {name: value for name, value in reply.headers if name.startswith("x-")}
    assert list(computed) == COMPUTED
    assert list(computed.values())[1:] == ["0.033", "6", "33", "0", "3", "30", "10", "2", "3"]
    assert list(json.loads(reply.body)) == ["generated_text"]


def test_details_of_a_plain_answer() -> None:
    """They list every token; an answer that is shorter than allowed was stopped."""
    body = {"inputs": "say it", "parameters": {"max_new_tokens": 9, "details": True}}
    details = json.loads(answered("/generate", body, **TGI).whole().body)["details"]
    assert list(details) == ["finish_reason", "generated_tokens", "seed", "prefill", "tokens"]
    assert (details["finish_reason"], details["generated_tokens"]) == ("stop_sequence", 3)
    assert len(details["tokens"]) == 3


def test_the_compatible_route_speaks_either() -> None:
    """A list of one, or the events."""
    assert isinstance(json.loads(answered("/", PLAIN, **TGI).whole().body), list)
    asked = ask("/", PLAIN | {"stream": True}, **TGI)
    assert isinstance(asked, Generation)
    assert asked.stream


def test_the_full_text_begins_with_the_prompt() -> None:
    """When it is asked for, in both modes."""
    body = {"inputs": "say it", "parameters": {"max_new_tokens": 3, "return_full_text": True}}
    whole = json.loads(answered("/generate", body, **TGI).whole().body)
    last = objects(stream(answered("/generate_stream", body, **TGI)))[-1]
    assert whole["generated_text"].startswith("say it ")
    assert last["generated_text"] == whole["generated_text"]


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"temperature": 0}, "`temperature` must be strictly positive"),
        ({"top_p": 1.0}, "`top_p` must be > 0.0 and < 1.0"),
        ({"top_k": 0}, "`top_k` must be strictly positive"),
        ({"max_new_tokens": 0}, "`max_new_tokens` must be strictly positive"),
        ({"best_of": 2}, "you must use sampling when `best_of` is > 1"),
        ({"max_new_tokens": 10**6}, "`inputs` tokens + `max_new_tokens` must be <= 131072"),
    ],
)
def test_parameters_are_validated(parameters: dict[str, Any], why: str) -> None:
    """HTTP 422, but an event under HTTP 200 in a stream."""
    body = {"inputs": "a", "parameters": parameters}
    reply = rejected("/generate", body, **TGI)
    error = json.loads(reply.body)
    assert (reply.status, error["error_type"]) == (422, "validation")
    assert error["error"].startswith(f"Input validation error: {why}")
    streamed = sent(rejected("/generate_stream", body, **TGI))
    assert (streamed.status, streamed.body) == (200, b"data:" + reply.body + b"\n\n")


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        (b"{", 400, b"Failed to parse the request body as JSON"),
        ({"parameters": {}}, 422, b"missing field `inputs`"),
        ({"inputs": 5}, 422, b"Failed to deserialize the JSON body"),
    ],
)
def test_bodies_that_cannot_be_read(body: object, status: int, part: bytes) -> None:
    """They are refused in plain text."""
    reply = rejected("/generate", body, **TGI)
    assert (reply.status, reply.headers[0][1]) == (status, "text/plain; charset=utf-8")
    assert part in reply.body


def test_failures() -> None:
    """A generation that fails is HTTP 424, in a stream an event under HTTP 200."""
    plain = answered("/generate", PLAIN, **TGI).refusal()
    answer = answered("/generate_stream", PLAIN, **TGI)
    assert (plain.status, json.loads(plain.body)["error_type"]) == (424, "generation")
    assert (answer.refusal().status, answer.refusal().chunked) == (200, True)
    assert answer.failure() == (answer.refusal().body,) == (b"data:" + plain.body + b"\n\n",)


def test_chat_of_tgi() -> None:
    """Every event names the role; usage comes last, when it is asked for."""
    body = {"messages": [{"role": "user", "content": "a b"}], "max_tokens": 3, "stream": True}
    body |= {"stream_options": {"include_usage": True}, "model": "tgi"}
    pieces = stream(answered("/v1/chat/completions", body, **TGI))
    events = objects(pieces)
    assert list(events[0]) == [
        "object", "id", "created", "model", "system_fingerprint", "choices", "usage",
    ]  # fmt: skip
    assert [one["choices"][0]["delta"]["role"] for one in events[:3]] == ["assistant"] * 3
    reasons = [one["choices"][0]["finish_reason"] for one in events[:3]]
    assert reasons == [None, None, "length"]
    assert events[3]["choices"] == []
    assert events[3]["usage"] == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
    assert pieces[-1] == b"data: [DONE]\n\n"


def test_completions_of_tgi() -> None:
    """The last chunk itself has the usage, and its fields another order."""
    body = {"prompt": "a b", "max_tokens": 3, "stream": True}
    events = objects(stream(answered("/v1/completions", body, **TGI)))
    assert list(events[0]) == ["object", "id", "created", "choices", "model", "system_fingerprint"]
    assert list(events[2])[-2:] == ["choices", "usage"]
    assert events[0]["choices"][0]["finish_reason"] == ""
    assert events[2]["usage"]["completion_tokens"] == 3
    assert len(events) == 3


def test_openai_failures_of_tgi() -> None:
    """In a stream they always say 422; whole answers are HTTP 424."""
    answer = answered("/v1/completions", {"prompt": "a", "stream": True}, **TGI)
    assert objects(list(answer.failure()))[0]["error"]["http_status_code"] == 422
    assert answer.refusal().status == 424
    reply = rejected("/v1/completions", {"prompt": "a", "max_tokens": 0}, **TGI)
    assert (reply.status, json.loads(reply.body)["error_type"]) == (422, "validation")
