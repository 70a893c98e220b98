"""The OpenAI routes as vLLM 0.32 speaks them: reading bodies, rendering answers and errors."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.generation import (
    DEFAULT_MAX_TOKENS,
    Generation,
    Reply,
    Request,
    words,
)
from inferswarm.simulator.replies import (
    MAX_MODEL_LEN,
    error_object,
    invalid_fields,
    invalid_one,
    refused,
    reply,
)

_FINGERPRINT = b',"system_fingerprint":"vllm-0.32.0-51a1b1e5"'
_DONE = b"data: [DONE]\n\n"
_STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"), ("vary", "Origin"))
_INTERNAL = ("Internal server error", "InternalServerError", None, 500)


class _StreamOptions(BaseModel):
    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None


class _Body(BaseModel, ABC):
    model_config = ConfigDict(extra="ignore")

    model: str | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    min_tokens: int | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None

    @classmethod
    def missing(cls, given: dict[str, Any]) -> Reply | None:
        """The rejection of a body whose prompt is absent, where fields do not say it themselves."""
        del given
        return None

    @abstractmethod
    def prompt_tokens(self) -> int:
        """Tokens of the prompt; 0 when there is nothing to answer."""

    @abstractmethod
    def nothing_to_answer(self) -> Reply:
        """The rejection of a prompt without content."""


class _CompletionBody(_Body):
    prompt: list[int] | list[list[int]] | str | list[str]

    @classmethod
    def missing(cls, given: dict[str, Any]) -> Reply | None:
        if given.get("prompt") in (None, ""):
            message = "Either prompt or prompt_embeds must be provided and non-empty."
            return refused(f"{message} (parameter=prompt)", "prompt")
        return None

    def prompt_tokens(self) -> int:
        prompt = self.prompt
        if isinstance(prompt, list) and len(prompt) == 1 and not isinstance(prompt[0], int):
            prompt = prompt[0]
        if isinstance(prompt, str):
            return max(1, len(prompt.split()))
        return len(prompt) if all(isinstance(item, int) for item in prompt) else 0

    def nothing_to_answer(self) -> Reply:
        if not self.prompt:
            return refused("You must pass at least one prompt")
        return refused("This simulated server answers one prompt per request", "prompt")


class _Message(BaseModel):
    role: str
    content: str | list[Any] | None = None

    def text(self) -> str:
        """The text of all parts of the content."""
        if not isinstance(self.content, list):
            return self.content or ""
        parts = (p.get("text", "") if isinstance(p, dict) else str(p) for p in self.content)
        return " ".join(str(part) for part in parts)


class _ChatBody(_Body):
    messages: list[_Message]

    def prompt_tokens(self) -> int:
        counted = sum(len(message.text().split()) for message in self.messages)
        return max(1, counted) if self.messages else 0

    def nothing_to_answer(self) -> Reply:
        return refused(
            "Cannot apply chat template to an empty conversation. Provide at least one message."
        )


def _json_object(request: Request) -> dict[str, Any] | Reply:
    """The body as an object, or its rejection."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        message = (
            "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed"
        )
        return reply(400, error_object(message, "Bad Request", None, 400))
    if not request.body:
        return invalid_one("missing", "body", "Field required", None)
    try:
        # The standard decoder, because its messages are part of what vLLM answers.
        body = json.loads(request.body)
    except json.JSONDecodeError as error:
        detail = {"ctx": {"error": error.msg}}
        return invalid_one("json_invalid", f"body.{error.pos}", "JSON decode error", {}, **detail)
    except (ValueError, RecursionError):
        return reply(400, {"detail": "There was an error parsing the body"})
    if not isinstance(body, dict):
        message = "Input should be a valid dictionary or object to extract fields from"
        return invalid_one("model_attributes_type", "body", message, body)
    return body


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Where the two routes differ."""

    body: type[_Body]
    id_prefix: bytes
    object_name: bytes
    stream_object_name: bytes
    before_text: bytes
    after_text: bytes
    after_last_text: bytes
    after_tokens: bytes
    running_details: bytes
    role: bytes
    role_end: bytes
    whole_before_text: bytes
    whole_after_text: bytes
    whole_after_finish: bytes
    whole_end: bytes


_COMPLETION = _Dialect(
    body=_CompletionBody,
    id_prefix=b"cmpl-",
    object_name=b"text_completion",
    stream_object_name=b"text_completion",
    before_text=b'{"index":0,"text":"',
    after_text=b'","logprobs":null,"finish_reason":null,"stop_reason":null',
    after_last_text=b'","logprobs":null,"finish_reason":"%b","stop_reason":null',
    after_tokens=b',"prompt_token_ids":null,"token_ids":null}]',
    running_details=b"",
    role=b"",
    role_end=b"",
    whole_before_text=b'{"index":0,"text":"',
    whole_after_text=b'","logprobs":null,"finish_reason":"%b","stop_reason":null,"token_ids":null',
    whole_after_finish=b',"prompt_logprobs":null,"prompt_token_ids":null,"routed_experts":null}]',
    whole_end=b',"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}',
)
_CHAT = _Dialect(
    body=_ChatBody,
    id_prefix=b"chatcmpl-",
    object_name=b"chat.completion",
    stream_object_name=b"chat.completion.chunk",
    before_text=b'{"index":0,"delta":{"content":"',
    after_text=b'"},"logprobs":null,"finish_reason":null',
    after_last_text=b'"},"logprobs":null,"finish_reason":"%b","stop_reason":null',
    after_tokens=b',"token_ids":null}]',
    running_details=b',"completion_tokens_details":null',
    role=b'{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,'
    b'"finish_reason":null}]',
    role_end=b',"prompt_token_ids":null,"prompt_text":null}\n\n',
    whole_before_text=b'{"index":0,"message":{"role":"assistant","content":"',
    whole_after_text=b'","refusal":null,"annotations":null,"audio":null,"function_call":null,'
    b'"reasoning":null},"logprobs":null,"finish_reason":"%b","stop_reason":null,"token_ids":null',
    whole_after_finish=b',"routed_experts":null}]',
    whole_end=b',"prompt_logprobs":null,"prompt_token_ids":null,"prompt_text":null,'
    b'"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}',
)


class OpenAIAnswer:
    """Renders one answer of either route; see `generation.Answer`."""

    stream_headers = _STREAM_HEADERS

    def __init__(
        self, dialect: _Dialect, asked: Generation, number: int, created_s: int, total: int
    ) -> None:
        """The answer of `total` tokens to request `number`."""
        self._dialect, self._asked, self._number, self._total = dialect, asked, number, total
        self._finish = b"length" if total >= asked.max_tokens else b"stop"
        # Everything between the name of the object and the choices.
        self._named = b'","created":%d,"model":%b,"choices":[' % (
            created_s,
            msgspec.json.encode(asked.model),
        )
        self._id = b'{"id":"%b%016x","object":"' % (dialect.id_prefix, number)
        self._event = b"data: %b%b%b" % (self._id, dialect.stream_object_name, self._named)
        self._before_text = self._event + dialect.before_text
        self._after_text = dialect.after_text + dialect.after_tokens

    def _usage(self, written: int, details: bytes) -> bytes:
        prompt = self._asked.prompt_tokens
        return b',"usage":{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d%b}' % (
            prompt,
            prompt + written,
            written,
            details,
        )

    def _running_usage(self, written: int) -> bytes:
        if not self._asked.running_usage:
            return b""
        return self._usage(written, self._dialect.running_details)

    def opening(self) -> tuple[bytes, ...]:
        """The role event of chat; nothing for completions."""
        dialect = self._dialect
        if not dialect.role:
            return ()
        return (self._event + dialect.role + self._running_usage(0) + dialect.role_end,)

    def tokens(self, first: int, after: int) -> bytes:
        """One event; the last one carries the finish reason."""
        text = words(self._number, first, after)
        usage = self._running_usage(after)
        if after < self._total:
            return b"%b%b%b%b}\n\n" % (self._before_text, text, self._after_text, usage)
        finished = self._dialect.after_last_text % self._finish + self._dialect.after_tokens
        print_ = b"" if self._asked.include_usage else _FINGERPRINT
        return b"%b%b%b%b%b}\n\n" % (self._before_text, text, finished, usage, print_)

    def ending(self) -> tuple[bytes, ...]:
        """The usage event, when it was asked for, and the end mark."""
        if not self._asked.include_usage:
            return (_DONE,)
        return (b"%b]%b%b}\n\n" % (self._event, self._usage(self._total, b""), _FINGERPRINT), _DONE)

    def failure(self) -> tuple[bytes, ...]:
        """An error event, spaced as vLLM spaces it, and the end mark."""
        return (f"data: {json.dumps(error_object(*_INTERNAL))}\n\n".encode(), _DONE)

    def whole(self) -> Reply:
        """The answer as one JSON object."""
        dialect = self._dialect
        details = b',"prompt_tokens_details":null,"completion_tokens_details":null'
        pieces = (
            self._id + dialect.object_name + self._named + dialect.whole_before_text,
            words(self._number, 0, self._total),
            dialect.whole_after_text % self._finish + dialect.whole_after_finish,
            b',"service_tier":null' + _FINGERPRINT,
            self._usage(self._total, details) + dialect.whole_end,
        )
        return reply(200, msgspec.Raw(b"".join(pieces)))

    def refusal(self) -> Reply:
        """HTTP 500 with an error object."""
        return reply(500, error_object(*_INTERNAL))


class OpenAIFormat:
    """One of the two generating routes; see `generation.WireFormat`."""

    def __init__(self, dialect: _Dialect) -> None:
        """The route that speaks `dialect`."""
        self._dialect = dialect

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What the body asks for, or the 400 or 404 that rejects it."""
        given = _json_object(request)
        if isinstance(given, Reply):
            return given
        if given.get("stream_options") and not given.get("stream"):
            message = "Stream options can only be defined when `stream=True`."
            return refused(f"{message} (parameter=stream_options)", "stream_options")
        missing = self._dialect.body.missing(given)
        if missing:
            return missing
        try:
            body = self._dialect.body.model_validate(given)
        except ValidationError as error:
            return invalid_fields(error)
        return _generation(body, options)

    def answer(
        self, generation: Generation, number: int, created_s: int, output_tokens: int
    ) -> OpenAIAnswer:
        """The renderer of request `number`."""
        return OpenAIAnswer(self._dialect, generation, number, created_s, output_tokens)


def _max_tokens(body: _Body) -> int | Reply:
    limits = (body.max_completion_tokens, body.max_tokens, DEFAULT_MAX_TOKENS)
    max_tokens = next(limit for limit in limits if limit is not None)
    shown = f"(parameter=max_tokens, value={max_tokens})"
    if max_tokens < 1:
        return refused(f"max_tokens must be at least 1, got {max_tokens}. {shown}", "max_tokens")
    if max_tokens > MAX_MODEL_LEN:
        message = f"max_tokens={max_tokens} cannot be greater than max_model_len={MAX_MODEL_LEN}."
        return refused(f"{message} Please request fewer output tokens. {shown}", "max_tokens")
    return max_tokens


def _generation(body: _Body, options: SimulatorOptions) -> Generation | Reply:
    if body.model is not None and body.model != options.model:
        message = f"The model `{body.model}` does not exist. Valid aliases: {options.model}."
        return reply(404, error_object(message, "NotFoundError", "model", 404))
    max_tokens = _max_tokens(body)
    if isinstance(max_tokens, Reply):
        return max_tokens
    if (body.n or 1) > 1:
        return refused("This simulated server makes one choice per request", "n")
    prompt_tokens = body.prompt_tokens()
    if not prompt_tokens:
        return body.nothing_to_answer()
    if prompt_tokens > MAX_MODEL_LEN:
        return refused(
            f"This model's maximum context length is {MAX_MODEL_LEN} tokens. However, your prompt "
            f"contains at least {prompt_tokens} input tokens, which exceeds this limit even without "
            "any output tokens. Please reduce the length of the input prompt. "
            f"(parameter=input_tokens, value={prompt_tokens})",
            "input_tokens",
        )
    wanted = body.stream_options or _StreamOptions()
    usage = bool(wanted.include_usage)
    running = usage and bool(wanted.continuous_usage_stats)
    return Generation(options.model, prompt_tokens, max_tokens, bool(body.stream), usage, running)


COMPLETIONS = OpenAIFormat(_COMPLETION)
CHAT = OpenAIFormat(_CHAT)
