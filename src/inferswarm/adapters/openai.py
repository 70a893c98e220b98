"""OpenAI's completions and chat completions, as vLLM and other compatible servers speak them."""

from typing import Annotated, Any

import msgspec

from inferswarm.adapters import Answer, HttpRequest, Wanted
from inferswarm.adapters.alike import Alike, text_at
from inferswarm.adapters.texts import in_order, objects
from inferswarm.framing.http1 import Response
from inferswarm.framing.sse import Events, read_events
from inferswarm.prompts import Prompt
from inferswarm.prompts.conversation import as_messages
from inferswarm.scales import NS_PER_MS

_DONE = b"[DONE]"
_TEXTS = [text_at(key) for key in ("text", "content", "reasoning", "reasoning_content")]


# No answer is longer; what claims to be is no count, and must not overflow any sum of counts.
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 32)]
_Ms = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class _PromptDetails(msgspec.Struct):
    cached_tokens: Count | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Metrics(msgspec.Struct):
    """vLLM's per-request metrics; its time to first token counts from scheduling, queue left out."""

    queue_time_ms: _Ms | None = None
    time_to_first_token_ms: _Ms | None = None
    generation_time_ms: _Ms | None = None


class _Timings(msgspec.Struct):
    """llama.cpp's."""

    prompt_ms: _Ms | None = None
    predicted_ms: _Ms | None = None


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
    metrics: _Metrics | None = None
    timings: _Timings | None = None
    error: Any = None
    object: str | None = None
    message: str | None = None


class _NumberedChoice(_Choice):
    index: int | None = None


class _Words(msgspec.Struct):
    """What matters of a body where only its words are wanted."""

    choices: list[_NumberedChoice] | None = None


_decode = msgspec.json.Decoder(_Body).decode
_WORDS_DECODER = msgspec.json.Decoder(_Words)


class OpenAI:
    """One of the two routes, streamed and not.

    `extended` is for servers of vLLM's kind: beam search as they ask for it. Not every server with
    these routes takes a prompt as token ids.
    """

    default_model = ""

    def __init__(self, *, chat: bool, extended: bool = False, takes_ids: bool = False) -> None:
        self.takes_ids = takes_ids
        self.chat = chat
        self._extended = extended

    def refusal(self, wanted: Wanted) -> str:
        """Beam search is vLLM's and not streamed; `best_of` is for plain completions."""
        if wanted.use_beam_search and not self._extended:
            return "request.use_beam_search is not known there; leave it out, or use --backend vllm"
        if wanted.use_beam_search and wanted.stream:
            return "request.use_beam_search cannot be streamed; give --no-stream"
        if wanted.best_of and not wanted.use_beam_search and (self.chat or wanted.stream):
            return "request.best_of needs --api completions --no-stream; leave it out"
        return ""

    def request(self, prompt: Prompt, wanted: Wanted) -> HttpRequest:
        """A JSON body with the prompt and what is wanted; usage is asked for in streams."""
        body: dict[str, Any] = {"model": wanted.model}
        if self.chat:
            body["messages"] = as_messages(prompt)
        else:
            body["prompt"] = prompt.ids if prompt.ids and self.takes_ids else prompt.text
        body["max_tokens"] = wanted.max_output_tokens
        body.update(_asked(wanted))
        body["stream"] = wanted.stream
        if wanted.stream:
            body["stream_options"] = {"include_usage": True}
            if wanted.usage_per_chunk:
                body["stream_options"]["continuous_usage_stats"] = True
        body.update(wanted.extra_body)
        path = "/v1/chat/completions" if self.chat else "/v1/completions"
        return HttpRequest("POST", path, msgspec.json.encode(body))

    def read(self, response: Response, prompt: str) -> Answer:
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
        if len(answer.chunk_tokens) != len(answer.chunk_ns) or not any(answer.chunk_tokens):
            answer.chunk_tokens = []
        return answer

    def text(self, response: Response, prompt: str) -> str:
        """Reasoning, content and tool calls as they came, choice by choice."""
        return in_order(
            (place if choice.index is None else choice.index, _words(choice))
            for body in objects(_WORDS_DECODER, response)
            for place, choice in enumerate(body.choices or ())
        )

    def reply(self, response: Response) -> str:
        """What the first choice says beside its reasoning and its tool calls."""
        choices = (
            choice
            for body in objects(_WORDS_DECODER, response)
            for choice in (body.choices or ())[:1]
            if not choice.index
        )
        return "".join(
            choice.text or (choice.delta or choice.message or _Message()).content or ""
            for choice in choices
        )

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


def _asked(wanted: Wanted) -> dict[str, Any]:
    """The sampling fields that were asked for."""
    fields = {
        "min_tokens": wanted.min_output_tokens or None,
        "ignore_eos": wanted.ignore_eos or None,
        "temperature": wanted.temperature,
        "top_p": wanted.top_p,
        "top_k": wanted.top_k,
        "seed": wanted.seed,
        "stop": list(wanted.stop) or None,
    }
    if wanted.use_beam_search:
        fields |= {"use_beam_search": True, "n": wanted.best_of}
    else:
        fields["best_of"] = wanted.best_of
    return {name: value for name, value in fields.items() if value is not None}


def _read_events(events: Events, answer: Answer) -> None:
    """Read a stream; runs of events that differ only in their text are not decoded one by one."""
    alike = Alike(() if events.names else _TEXTS, _only_text)
    at, size = 0, len(events.data)
    only_reasons = False
    while at < size:
        if same := alike.follow(events.data, at):
            answer.reasoning_chunks += same if only_reasons and _all_reasoning(answer) else 0
            answer.chunk_ns += events.times[at : at + same]
            if answer.chunk_tokens:
                answer.chunk_tokens += [0] * same  # the running count stood still
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
    chunks = len(answer.chunk_ns)
    for choice in body.choices or ():
        _read_choice(choice, at_ns, answer)
    if body.usage is not None:
        _read_usage(body.usage, len(answer.chunk_ns) - chunks, answer)
    if body.metrics is not None or body.timings is not None:
        answer.server_ns |= _server_ns(body)


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


def _words(choice: _Choice) -> str:
    """What a choice says. A server that has both names of the reasoning says it twice."""
    said = choice.delta or choice.message or _Message()
    reasoning = said.reasoning or said.reasoning_content or ""
    calls = "".join(map(_call, said.tool_calls or ()))
    return reasoning + (choice.text or said.content or "") + calls


def _call(call: Any) -> str:
    """Name and arguments of a tool call, or the part of them that an event brought."""
    function = call.get("function") if isinstance(call, dict) else None
    parts = (
        [function.get(key) for key in ("name", "arguments")] if isinstance(function, dict) else []
    )
    return "".join(part for part in parts if isinstance(part, str))


def _read_usage(usage: _Usage, new_chunks: int, answer: Answer) -> None:
    """Totals so far; beside a chunk, also how many tokens that one carried."""
    if usage.prompt_tokens is not None:
        answer.input_tokens = usage.prompt_tokens
    if usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens is not None:
        answer.cached_tokens = usage.prompt_tokens_details.cached_tokens
    if usage.completion_tokens is not None:
        answer.output_tokens = usage.completion_tokens
        if new_chunks == 1:
            counted = sum(answer.chunk_tokens)
            answer.chunk_tokens.append(max(0, usage.completion_tokens - counted))


def _server_ns(body: _Body) -> dict[str, int]:
    """What the server measured of this request, by the names of `timing.SERVER_SPANS`."""
    metrics, timings = body.metrics or _Metrics(), body.timings or _Timings()
    told = {
        "queue": metrics.queue_time_ms,
        "prefill": metrics.time_to_first_token_ms or timings.prompt_ms,
        "decode": metrics.generation_time_ms or timings.predicted_ms,
    }
    return {name: int(ms * NS_PER_MS) for name, ms in told.items() if ms is not None}


def _error_text(body: _Body) -> str:
    error = body.error
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return str(error or body.message or "error object without a message")


COMPLETIONS = OpenAI(chat=False, takes_ids=True)
TEXT_COMPLETIONS = OpenAI(chat=False)
CHAT = OpenAI(chat=True)
VLLM_COMPLETIONS = OpenAI(chat=False, extended=True, takes_ids=True)
VLLM_CHAT = OpenAI(chat=True, extended=True)
