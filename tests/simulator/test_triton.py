"""The bytes are those of Triton 2.51.0, up to the words and the length of the answer."""

import json
import re
from typing import Any

import pytest

from inferswarm.simulator import http
from inferswarm.simulator.generation import Generation

from .wire import ACCEPTED_NS, MS, answered, ask, captured, objects, rejected, sent, stream

BODY = {"text_input": "say it", "max_tokens": 3}
GENERATE = "/v2/models/ensemble/generate"
STREAM = "/v2/models/ensemble/generate_stream"
LLM_API = "/v2/models/tensorrt_llm/generate_stream"
TRITON: dict[str, Any] = {"backend": "tensorrt_llm_triton"}


def _shape(body: bytes) -> bytes:
    """An answer without its words and with one log probability."""
    body = re.sub(rb'"text_output":"[^"]*"', b'"text_output":""', body)
    return re.sub(rb"\[0\.0(,0\.0)*\]", b"[0.0]", body)


def test_a_plain_answer_is_the_captured_one() -> None:
    """Head and body are the same bytes, the words aside."""
    simulated = sent(answered(GENERATE, BODY, **TRITON).whole())
    real = captured("triton-2.51.0.generate.plain")
    assert (simulated.status, simulated.names) == (real.status, real.names)
    assert _shape(simulated.body) == _shape(real.body)
    assert json.loads(simulated.body)["output_log_probs"] == [0.0] * 3


def test_a_stream_is_the_captured_one() -> None:
    """Every event is, and the head, which waits for the first response; there is no end mark."""
    answer = answered(STREAM, BODY | {"stream": True}, total=6, **TRITON)
    head = http.stream_head(answer.stream_headers, answer.manner, keep_alive=True)
    real = captured("triton-2.51.0.generate_stream")
    assert head.decode().split("\r\n")[1:-2] == real.names
    assert not answer.early_head
    assert _shape(b"".join(stream(answer, 6))) == _shape(real.body)


def test_a_stream_that_is_not_asked_for_is_one_event() -> None:
    """`generate_stream` without `stream` answers with the whole in one event."""
    answer = answered(STREAM, BODY, **TRITON)
    real = captured("triton-2.51.0.generate_stream.stream-false")
    simulated = sent(answer.whole())
    assert (simulated.status, simulated.names) == (real.status, real.names)
    assert _shape(simulated.body) == _shape(real.body)


def test_an_error_in_the_middle_is_an_event() -> None:
    """It has the form of the captured one."""
    (event,) = answered(STREAM, BODY | {"stream": True}, **TRITON).failure()
    last = captured("triton-2.51.0.generate_stream.error-midstream").body.split(b"\n\n")[-2]
    assert list(objects([event])[0]) == list(objects([last])[0]) == ["error"]
    assert event.startswith(last[: len(b"data: {")])


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("err.404", "/nope", BODY),
        ("err.unknown-model", "/v2/models/nope/generate", BODY),
        ("err.generate.bad-json", GENERATE, b'{"text_input": nope}'),
        ("err.generate.bad-type", GENERATE, {"text_input": "a", "max_tokens": "many"}),
        ("err.generate.missing-input", GENERATE, {"text_input": "a"}),
        ("err.generate_stream.missing-input", STREAM, {"text_input": "a"}),
        ("err.generate.model-error", GENERATE, BODY | {"max_tokens": 0}),
        ("generate_stream.model-error", STREAM, BODY | {"max_tokens": 0}),
        ("generate.stream-true-on-generate", GENERATE, BODY | {"stream": True}),
    ],
)
def test_refusals_are_the_captured_ones(name: str, path: str, body: object) -> None:
    """Status, head and body are the same bytes."""
    simulated, real = sent(rejected(path, body, **TRITON)), captured(f"triton-2.51.0.{name}")
    assert (simulated.status, simulated.names) == (real.status, real.names)
    # How many inputs may be given differs between deployments.
    assert re.sub(rb"between 2 and \d+", b"", simulated.body) == re.sub(
        rb"between 2 and \d+", b"", real.body
    )


@pytest.mark.parametrize(
    ("name", "path"), [("ready", "/v2/health/ready"), ("metadata", "/v2"), ("config", "")]
)
def test_plain_routes_have_the_captured_heads(name: str, path: str) -> None:
    """So have the fields that they tell."""
    path = path or "/v2/models/ensemble/config"
    real = captured(f"triton-2.51.0.{name}")
    reply = ask(path, b"", "GET", **TRITON)
    assert not isinstance(reply, Generation)
    simulated = sent(reply)
    assert (simulated.status, simulated.names) == (real.status, real.names)
    if name == "metadata":
        assert simulated.body == real.body
    if name == "config":
        told, known = json.loads(simulated.body), json.loads(real.body)
        assert [one["name"] for one in told["input"]] == [one["name"] for one in known["input"]]
        assert told.keys() <= known.keys()


@pytest.mark.parametrize(("limit", "status"), [([], 500), (10**9, 400), ([0], 400)])
def test_lengths_that_no_model_takes(limit: object, status: int) -> None:
    """Tensors without an element, and lengths without an end."""
    assert rejected(GENERATE, BODY | {"max_tokens": limit}, **TRITON).status == status


def test_unknown_fields_and_parameters_are_taken() -> None:
    """A field that the model lacks changes nothing; fields may stand under `parameters`."""
    body = {"text_input": "a b", "unknown": 1, "parameters": {"max_tokens": 9, "stream": True}}
    asked = ask(STREAM, body, **TRITON)
    assert isinstance(asked, Generation)
    assert (asked.max_tokens, asked.stream, asked.prompt_tokens) == (9, True, 2)


def test_versions_and_the_served_model_have_routes() -> None:
    """The long path means the same, and the model of the options is served beside the usual ones."""
    for path in ("/v2/models/ensemble/versions/1/generate", "/v2/models/a%2Fb/generate"):
        asked = ask(path, BODY, model="a/b", **TRITON)
        assert isinstance(asked, Generation)
        assert asked.model in ("ensemble", "a/b")


def test_the_prompt_can_be_repeated() -> None:
    """By option, unless the request says otherwise; in a stream before the first text."""
    echoing = TRITON | {"echo_prompt": True}
    prompt = {"text_input": 'say "it"', "max_tokens": 3, "id": "42"}
    whole = json.loads(answered(GENERATE, prompt, **echoing).whole().body)
    assert whole["text_output"].startswith('say "it" ')
    assert whole["id"] == "42"
    assert list(whole) == sorted(whole)
    texts = [
        one["text_output"]
        for one in objects(stream(answered(STREAM, prompt | {"stream": True}, **echoing)))
    ]
    assert [text.startswith("say") for text in texts] == [True, False, False]
    plain = answered(GENERATE, prompt | {"exclude_input_in_output": True}, **echoing).whole()
    assert not json.loads(plain.body)["text_output"].startswith("say")


def test_texts_can_accumulate() -> None:
    """As the BLS model does with accumulate_tokens."""
    answer = answered(STREAM, BODY | {"stream": True}, stream_text="cumulative", **TRITON)
    texts = [one["text_output"] for one in objects(stream(answer))]
    assert [len(text.split()) for text in texts] == [1, 2, 3]
    assert texts[2].startswith(texts[1])


def test_counts_and_performance_are_told_when_asked() -> None:
    """The last response has the instants of the truth."""
    wishes = {"return_perf_metrics": True, "return_num_output_tokens": True, "stream": True}
    events = objects(stream(answered(STREAM, BODY | wishes, **TRITON)))
    assert [one["num_output_tokens"] for one in events] == [1, 1, 1]
    assert "arrival_time_ns" not in events[0]
    assert events[2]["arrival_time_ns"] == ACCEPTED_NS
    assert events[2]["first_scheduled_time_ns"] == ACCEPTED_NS + 3 * MS
    assert events[2]["last_token_time_ns"] - events[2]["first_token_time_ns"] == 20 * MS


def test_the_llm_api_has_its_own_names() -> None:
    """`max_tokens` is no input of it; its performance metrics are texts."""
    body = {"text_input": "a", "sampling_param_max_tokens": 3, "streaming": True, "max_tokens": 9}
    wishes = {"sampling_param_return_perf_metrics": True, "return_finish_reason": True}
    asked = ask(LLM_API, body | wishes, **TRITON)
    assert isinstance(asked, Generation)
    assert (asked.max_tokens, asked.stream) == (3, True)
    events = objects(stream(answered(LLM_API, body | wishes, **TRITON)))
    assert list(events[0]) == ["model_name", "model_version", "text_output"]
    assert events[2]["first_scheduled_time_ns"] == str(ACCEPTED_NS + 3 * MS)
    assert events[2]["finish_reason"] == "length"


def test_failures_have_the_form_of_the_route() -> None:
    """Before the first token it is HTTP 500; in the middle of a plain answer the status stays 200."""
    plain, streamed = answered(GENERATE, BODY, **TRITON), answered(STREAM, BODY, **TRITON)
    assert (plain.refusal().status, plain.broken().status) == (500, 200)
    assert list(json.loads(plain.broken().body)) == ["error"]
    assert streamed.refusal().body.startswith(b'data: {"error":')
