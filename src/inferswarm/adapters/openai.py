"""OpenAI's completions and chat completions, as vLLM and other compatible servers speak them."""

from typing import Annotated, Any

import msgspec

from inferswarm.adapters import Answer, HttpRequest, Wanted
from inferswarm.adapters.alike import Alike, text_at
from inferswarm.framing.http1 import Response
from inferswarm.framing.sse import Events, read_events
from inferswarm.prompts import Prompt

PATHS = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}
_DONE = b"[DONE]"
_TEXTS = [text_at(key) for key in ("text", "content", "reasoning", "reasoning_content")]


# No answer is longer; what claims to be is no count, and must not overflow any sum of counts.
_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 32)]


class _Usage(msgspec.Struct):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None


class _Message(msgspec.Struct):
    """A delta of a chat stream, or the whole message of a plain answer."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[Any] | None = None


class _Choice(msgspec.Struct):
    text: str | None = None
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None


class _Body(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    object: str | None = None
    message: str | None = None


_decode = msgspec.json.Decoder(_Body).decode


class OpenAI:
    """The two routes, streamed and not."""

    name = "openai"
    apis = tuple(PATHS)

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """A JSON body with the prompt and what is wanted; usage is asked for in streams."""
        body: dict[str, Any] = {"model": wanted.model}
        if wanted.api == "chat":
            body["messages"] = [{"role": "user", "content": prompt.text}]
        else:
            body["prompt"] = prompt.text
        body["max_tokens"] = wanted.max_output_tokens
        if wanted.ignore_eos:
            body["ignore_eos"] = True
        if wanted.temperature is not None:
            body["temperature"] = wanted.temperature
        body["stream"] = wanted.stream
        if wanted.stream:
            body["stream_options"] = {"include_usage": True}
        body.update(wanted.extra_body)
        return HttpRequest("POST", PATHS[wanted.api], msgspec.json.encode(body))

    def read(self, response: Response) -> Answer:
        """Chunks, counts and end of a streamed or plain answer."""
        answer = Answer()
        if response.is_event_stream:
            answer.streamed = True
            _read_events(read_events(response.pieces), answer)
        elif response.complete:
            last_ns = response.pieces[-1][0] if response.pieces else 0
            _read_object(response.body, last_ns, answer)
            answer.ended = True
        if answer.output_tokens is not None or answer.input_tokens is not None:
            answer.count_source = "server_usage"
        return answer

    def models_request(self) -> HttpRequest:
        """`GET /v1/models`."""
        return HttpRequest("GET", "/v1/models")

    def read_models(self, body: bytes) -> list[str]:
        """The `id` of each entry of `data`."""
        try:
            found = msgspec.json.decode(body)
            return [str(entry["id"]) for entry in found["data"]]
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise ValueError(f"not a list of models: {body[:200]!r}") from error


def _read_events(events: Events, answer: Answer) -> None:
    """Read a stream; runs of events that differ only in their text are not decoded one by one."""
    alike = Alike(() if events.names else _TEXTS, _only_text)
    at, size = 0, len(events.data)
    only_reasons = False
    while at < size:
        if same := alike.follow(events.data, at):
            answer.reasoning_chunks += same if only_reasons and _all_reasoning(answer) else 0
            answer.chunk_ns += events.times[at : at + same]
            at += same
            continue
        chunks, reasoning = len(answer.chunk_ns), answer.reasoning_chunks
        _read_event(events.data[at], events.times[at], events.names.get(at, b""), answer)
        if len(answer.chunk_ns) == chunks + 1:
            only_reasons = answer.reasoning_chunks > reasoning
            alike.learn(events.data[at])
        at += 1


def _all_reasoning(answer: Answer) -> bool:
    return answer.reasoning_chunks == len(answer.chunk_ns)


def _read_event(data: bytes, at_ns: int, name: bytes, answer: Answer) -> None:
    if data == _DONE:
        answer.ended = True
    elif data:
        _read_object(data, at_ns, answer)
        if name == b"error" and not answer.error:
            answer.error = data.decode("utf-8", "replace")


def _only_text(data: bytes) -> str | None:
    """The text of an event with one choice, whichever field holds it."""
    choices = _decode(data).choices or []
    if len(choices) != 1:
        return None
    said = choices[0].delta or _Message()
    return choices[0].text or said.content or said.reasoning or said.reasoning_content


def _read_object(data: bytes, at_ns: int, answer: Answer) -> None:
    """Read one JSON object of a stream, or the one of a plain answer."""
    try:
        body = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        answer.bad_frame = answer.bad_frame or f"{error}: {data[:200]!r}"
        return
    if body.error is not None or body.object == "error":
        answer.error = answer.error or _error_text(body)
        return
    for choice in body.choices or ():
        _read_choice(choice, at_ns, answer)
    if body.usage is not None:
        if body.usage.prompt_tokens is not None:
            answer.input_tokens = body.usage.prompt_tokens
        if body.usage.completion_tokens is not None:
            answer.output_tokens = body.usage.completion_tokens


def _read_choice(choice: _Choice, at_ns: int, answer: Answer) -> None:
    """Count a choice that carries tokens; role-only and empty ones carry none."""
    said = choice.delta or choice.message
    reasons = said is not None and bool(said.reasoning or said.reasoning_content)
    speaks = bool(choice.text or (said is not None and (said.content or said.tool_calls)))
    if reasons or speaks:
        answer.reasoning_chunks += not speaks and _all_reasoning(answer)
        answer.chunk_ns.append(at_ns)
    if choice.finish_reason:
        answer.finish_reason = choice.finish_reason
        answer.ended = True


def _error_text(body: _Body) -> str:
    error = body.error
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return str(error or body.message or "error object without a message")
