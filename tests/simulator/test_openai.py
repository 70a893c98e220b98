"""The bytes are those of vLLM 0.32, up to what differs between any two answers."""

import json
import re
from typing import Any

import pytest
from msgspec.structs import replace

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator import openai
from inferswarm.simulator.bodies import OpenAIFormat
from inferswarm.simulator.generation import Generation, Reply, Request, Serving, digest_of
from inferswarm.simulator.routes import Routes

_CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "hi there"}]}
_USAGE = '"usage":{"prompt_tokens":N,"total_tokens":N,"completion_tokens":N'


def _shape(rendered: bytes) -> str:
    """The rendered bytes without ids, times, numbers and words."""
    text = re.sub(r'"(chat)?cmpl-[0-9a-f]{16}"', r'"\1cmpl-ID"', rendered.decode())
    text = re.sub(r'"(text|content)":"( [a-z]+)+"', r'"\1":"WORDS"', text)
    text = re.sub(r'"vllm-0\.32\.0-[0-9a-f]{8}"', '"PRINT"', text)
    return re.sub(r"(?<=:)\d\d+|(?<=tokens\":)\d+", "N", text)


def _read(path: str, body: object, **headers: str) -> Generation | Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json"} | headers
    request = Request("POST", path, sent, content, True, 0)
    return Routes(SimulatorOptions(model="tiny")).resolve(request)


def _wanted(path: str, body: object) -> Generation:
    """What a body asks for, whatever the prompt says."""
    asked = _read(path, body)
    assert isinstance(asked, Generation)
    return replace(asked, messages=0, digest="")


def _rejection(path: str, body: object, **headers: str) -> tuple[int, Any]:
    reply = _read(path, body, **headers)
    assert isinstance(reply, Reply)
    return reply.status, json.loads(reply.body)


def _events(wire: OpenAIFormat, *, usage: bool = False, running: bool = False) -> list[str]:
    answer = wire.answer(Generation("tiny", 7, 2, True, usage, running), Serving(3, 1795396539, 2))
    events = (*answer.opening(), answer.tokens(0, 1), answer.tokens(1, 2), *answer.ending())
    return [_shape(event) for event in events]


def _completion_event(finish: str, rest: str) -> str:
    return (
        'data: {"id":"cmpl-ID","object":"text_completion","created":N,"model":"tiny","choices":'
        f'[{{"index":0,"text":"WORDS","logprobs":null,"finish_reason":{finish},'
        f'"stop_reason":null,"prompt_token_ids":null,"token_ids":null}}]{rest}}}\n\n'
    )


def _chat_event(choice: str, rest: str) -> str:
    return (
        'data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":N,"model":"tiny",'
        f'"choices":[{choice}]{rest}}}\n\n'
    )


_ROLE = '{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}'
_DELTA = (
    '{"index":0,"delta":{"content":"WORDS"},"logprobs":null,"finish_reason":null,"token_ids":null}'
)
_LAST = (
    '{"index":0,"delta":{"content":"WORDS"},"logprobs":null,"finish_reason":"length",'
    '"stop_reason":null,"token_ids":null}'
)
_PRINT = ',"system_fingerprint":"PRINT"'
_ROLE_END = ',"prompt_token_ids":null,"prompt_text":null'


def test_completion_stream_without_usage() -> None:
    """The last token's event carries the finish reason and the fingerprint."""
    assert _events(openai.COMPLETIONS) == [
        _completion_event("null", ""),
        _completion_event('"length"', _PRINT),
        "data: [DONE]\n\n",
    ]


def test_completion_stream_with_usage() -> None:
    """With include_usage an event without choices carries usage and fingerprint."""
    usage = _completion_event("null", f",{_USAGE}}}{_PRINT}")
    assert _events(openai.COMPLETIONS, usage=True) == [
        _completion_event("null", ""),
        _completion_event('"length"', ""),
        re.sub(r"\[\{.*\}\]", "[]", usage),
        "data: [DONE]\n\n",
    ]


def test_completion_stream_with_running_usage() -> None:
    """With continuous_usage_stats every token event says how many tokens there were so far."""
    events = _events(openai.COMPLETIONS, usage=True, running=True)
    assert events[0] == _completion_event("null", f",{_USAGE}}}")
    assert events[1] == _completion_event('"length"', f",{_USAGE}}}")


def test_chat_stream_without_usage() -> None:
    """Chat begins with the role and no token."""
    assert _events(openai.CHAT) == [
        _chat_event(_ROLE, _ROLE_END),
        _chat_event(_DELTA, ""),
        _chat_event(_LAST, _PRINT),
        "data: [DONE]\n\n",
    ]


def test_chat_stream_with_running_usage() -> None:
    """Running usage in chat has details, the final usage has none."""
    details = f',{_USAGE},"completion_tokens_details":null}}'
    assert _events(openai.CHAT, usage=True, running=True) == [
        _chat_event(_ROLE, details + _ROLE_END),
        _chat_event(_DELTA, details),
        _chat_event(_LAST, details),
        _chat_event("", f",{_USAGE}}}{_PRINT}"),
        "data: [DONE]\n\n",
    ]


def test_whole_completion() -> None:
    """An answer that is not streamed has the fields of vLLM in their order."""
    answer = openai.COMPLETIONS.answer(Generation("tiny", 7, 8, False), Serving(1, 1795396538, 8))
    assert _shape(answer.whole().body) == (
        '{"id":"cmpl-ID","object":"text_completion","created":N,"model":"tiny","choices":[{"index"'
        ':0,"text":"WORDS","logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids"'
        ':null,"prompt_logprobs":null,"prompt_token_ids":null,"routed_experts":null}],'
        f'"service_tier":null,"system_fingerprint":"PRINT",{_USAGE},"prompt_tokens_details":null,'
        '"completion_tokens_details":null},"kv_transfer_params":null,"ec_transfer_params":null,'
        '"metrics":null}'
    )


def test_whole_chat() -> None:
    """The same for chat, with a message."""
    answer = openai.CHAT.answer(Generation("tiny", 7, 9, False), Serving(1, 1795396538, 8))
    assert _shape(answer.whole().body) == (
        '{"id":"chatcmpl-ID","object":"chat.completion","created":N,"model":"tiny","choices":[{'
        '"index":0,"message":{"role":"assistant","content":"WORDS","refusal":null,"annotations":'
        'null,"audio":null,"function_call":null,"reasoning":null},"logprobs":null,"finish_reason":'
        '"stop","stop_reason":null,"token_ids":null,"routed_experts":null}],"service_tier":null,'
        f'"system_fingerprint":"PRINT",{_USAGE},"prompt_tokens_details":null,'
        '"completion_tokens_details":null},"prompt_logprobs":null,"prompt_token_ids":null,'
        '"prompt_text":null,"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}'
    )


def test_events_are_json() -> None:
    """Every event but the end mark is an object, also with a model name that needs escaping."""
    wire = openai.CHAT
    answer = wire.answer(Generation('a"b\\c', 7, 9, True, True, True), Serving(0, 1, 2))
    events = (*answer.opening(), answer.tokens(0, 2), *answer.ending()[:-1], answer.failure()[0])
    models = [json.loads(event.removeprefix(b"data: ")).get("model") for event in events]
    assert models == ['a"b\\c'] * 3 + [None]


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [("a b  c", 3), ("   ", 1), ([5, 6], 2), (["a b"], 2), ([[1, 2, 3, 4]], 4)],
)
def test_prompt_tokens(prompt: object, tokens: int) -> None:
    """Words of a text, ids of a list; one prompt may stand in a list."""
    asked = _wanted("/v1/completions", {"prompt": prompt})
    assert asked == Generation("tiny", tokens, 128, False)


def test_chat_prompt_tokens() -> None:
    """The words of all contents count, also those of parts."""
    parts = [{"type": "text", "text": "a b"}, {"type": "image_url"}]
    messages = [{"role": "system", "content": "c"}, {"role": "user", "content": parts}]
    body = {"messages": messages, "max_completion_tokens": 2, "max_tokens": 5, "ignore_eos": True}
    options = {"stream": True, "stream_options": {"include_usage": True}}
    asked = _wanted("/v1/chat/completions", body | options)
    assert asked == Generation("tiny", 3, 2, True, True, False)


def test_running_usage_needs_include_usage() -> None:
    """continuous_usage_stats alone asks for nothing."""
    options = {"stream": True, "stream_options": {"continuous_usage_stats": True}}
    asked = _wanted("/v1/completions", {"prompt": "a"} | options)
    assert asked == Generation("tiny", 1, 128, True, False, False)


def test_bad_json() -> None:
    """A body that is not JSON is answered as vLLM does."""
    status, body = _rejection("/v1/completions", b'{"prompt":nope}')
    assert status == 400
    assert body["error"] == {
        "message": "1 validation error:\n  {'type': 'json_invalid', 'loc': 'body.10', 'msg': 'JSON "
        "decode error', 'input': '<dict of 0 items>', 'ctx': {'error': 'Expecting value'}}",
        "type": "Bad Request",
        "param": "body.10",
        "code": 400,
    }


def test_wrong_type() -> None:
    """A field of the wrong type is named."""
    _, body = _rejection("/v1/completions", {"prompt": "a", "max_tokens": "many"})
    assert body["error"] == {
        "message": "1 validation error:\n  {'type': 'int_parsing', 'loc': 'body.max_tokens', 'msg': "
        "'Input should be a valid integer, unable to parse string as an integer', 'input': 'many'}",
        "type": "Bad Request",
        "param": "body.max_tokens",
        "code": 400,
    }


def test_wrong_prompt_type() -> None:
    """Every alternative of the prompt that does not fit is listed without its internal name."""
    _, body = _rejection("/v1/completions", {"prompt": 5})
    assert body["error"]["message"].startswith(
        "4 validation errors:\n  {'type': 'list_type', 'loc': "
    )
    assert body["error"]["param"] == "body.prompt"


def test_unknown_model() -> None:
    """An unknown model is a 404 that names the model there is."""
    status, body = _rejection("/v1/completions", {"model": "other", "prompt": "a"})
    message = "The model `other` does not exist. Valid aliases: tiny."
    error = {"message": message, "type": "NotFoundError", "param": "model", "code": 404}
    assert (status, body) == (404, {"error": error})


@pytest.mark.parametrize(
    ("path", "body", "param", "part"),
    [
        ("/v1/completions", b"", "body", "'input': 'None'"),
        ("/v1/completions", [1], "body", "<list of 1 items>"),
        ("/v1/completions", {}, "prompt", "Either prompt or prompt_embeds"),
        ("/v1/completions", {"prompt": []}, None, "at least one prompt"),
        ("/v1/completions", {"prompt": ["a", "b"]}, "prompt", "one prompt per request"),
        ("/v1/completions", {"prompt": "a", "n": 2}, "n", "one choice per request"),
        ("/v1/completions", {"prompt": "a", "max_tokens": 0}, "max_tokens", "at least 1, got 0"),
        ("/v1/completions", {"prompt": "a", "max_tokens": 10**7}, "max_tokens", "max_model_len"),
        ("/v1/completions", {"prompt": "a " * 131_073}, "input_tokens", "context length"),
        ("/v1/chat/completions", {}, "body.messages", "Field required"),
        ("/v1/chat/completions", {"messages": []}, None, "empty conversation"),
        ("/v1/chat/completions", _CHAT | {"max_tokens": -1}, "max_tokens", "got -1"),
    ],
)
def test_rejected_bodies(path: str, body: object, param: str | None, part: str) -> None:
    """What cannot be answered is a 400 that says why and where."""
    status, answer = _rejection(path, body)
    assert status == 400
    assert answer["error"]["param"] == param
    assert part in answer["error"]["message"]


def test_stream_options_need_stream() -> None:
    """stream_options without stream is a 400."""
    body = _CHAT | {"stream_options": {"include_usage": True}}
    status, answer = _rejection("/v1/chat/completions", body)
    assert (status, answer["error"]["param"]) == (400, "stream_options")


def test_media_type_must_be_json() -> None:
    """A body of another media type is refused, whatever it holds."""
    _, answer = _rejection("/v1/completions", {"prompt": "a"}, **{"content-type": "text/plain"})
    assert "Unsupported Media Type" in answer["error"]["message"]


def test_reasoning_comes_first() -> None:
    """The first tokens of a chat are reasoning; a chunk across the border becomes two events."""
    asked = Generation("tiny", 7, 6, True, reasoning_tokens=3)
    answer = openai.CHAT.answer(asked, Serving(0, 1, 6))
    events = (answer.tokens(0, 2) + answer.tokens(2, 4) + answer.tokens(4, 6)).split(b"\n\n")
    deltas = [
        json.loads(event.removeprefix(b"data: "))["choices"][0]["delta"] for event in events[:-1]
    ]
    assert [list(delta) for delta in deltas] == [["reasoning"]] * 2 + [["content"]] * 2
    assert [len(next(iter(delta.values())).split()) for delta in deltas] == [2, 1, 1, 2]


def test_reasoning_of_a_whole_answer() -> None:
    """Message and usage tell the reasoning apart."""
    asked = Generation("tiny", 7, 6, False, reasoning_tokens=2)
    body = json.loads(openai.CHAT.answer(asked, Serving(0, 1, 6)).whole().body)
    message = body["choices"][0]["message"]
    assert (len(message["reasoning"].split()), len(message["content"].split())) == (2, 4)
    assert body["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}


def test_cached_tokens_and_times_are_told_when_asked() -> None:
    """The final usage has the cached tokens, and beside it stand the times that vLLM measures."""
    asked = Generation("tiny", 7, 3, True, True, cached_tokens=5, timings=True)
    times = {"accepted_ns": 1_000_000, "started_ns": 4_000_000}
    serving = Serving(0, 1, 3, **times, first_ns=14_000_000, last_ns=34_000_000)
    event = json.loads(openai.CHAT.answer(asked, serving).ending()[0].removeprefix(b"data: "))
    assert event["usage"]["prompt_tokens_details"] == {"cached_tokens": 5}
    assert event["metrics"] == {
        "time_to_first_token_ms": 10.0,
        "generation_time_ms": 20.0,
        "queue_time_ms": 3.0,
        "mean_itl_ms": 10.0,
        "tokens_per_second": 100.0,
    }
    whole = json.loads(openai.COMPLETIONS.answer(asked, serving).whole().body)
    assert whole["metrics"] == event["metrics"]
    assert whole["usage"]["prompt_tokens_details"] == {"cached_tokens": 5}


def test_what_was_said_is_known_again_by_its_hash() -> None:
    """Of a chat all messages count, parts of a content too; of a completion its one text."""
    history = [
        {"role": "user", "content": "hi there"},
        {"role": "assistant", "content": [{"type": "text", "text": "well"}]},
        {"role": "user", "content": "and now"},
    ]
    chat = _read("/v1/chat/completions", _CHAT | {"messages": history})
    text = _read("/v1/completions", {"model": "tiny", "prompt": "hi there"})
    ids = _read("/v1/completions", {"model": "tiny", "prompt": [1, 2]})
    assert isinstance(chat, Generation)
    assert isinstance(text, Generation)
    assert isinstance(ids, Generation)

    assert (chat.messages, chat.prompt_tokens) == (3, 5)
    assert chat.digest == digest_of(["hi there", "well", "and now"])
    assert (text.messages, text.digest) == (0, digest_of(["hi there"]))
    assert ids.digest == digest_of([])
    assert len({chat.digest, text.digest, ids.digest}) == 3
