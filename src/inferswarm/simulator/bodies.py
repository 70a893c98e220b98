"""Bodies of requests to the OpenAI routes: what vLLM 0.32 accepts, and how it refuses the rest."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.generation import (
    DEFAULT_MAX_TOKENS,
    MAX_MODEL_LEN,
    Answer,
    Generation,
    Reply,
    Request,
    Serving,
    digest_of,
    word_count,
)
from inferswarm.simulator.replies import (
    Refusal,
    invalid_fields,
    invalid_one,
    refused,
    reply,
)


class StreamOptions(BaseModel):
    """Which counts a stream tells."""

    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None


class Body(BaseModel, ABC):
    """What both routes have."""

    model_config = ConfigDict(extra="ignore")

    model: str | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    min_tokens: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @classmethod
    def missing(cls, given: dict[str, Any]) -> Refusal | None:
        """The rejection of a body whose prompt is absent, where fields do not say it themselves."""
        del given
        return None

    @abstractmethod
    def prompt_tokens(self) -> int:
        """Tokens of the prompt; 0 when there is nothing to answer."""

    @abstractmethod
    def said(self) -> list[str]:
        """What the prompt says: the text of each of its messages, or its one text."""

    def tokens(self) -> list[str] | list[int]:
        """The prompt's tokens, as a prefix cache compares them."""
        return [word for text in self.said() for word in text.split()]

    @abstractmethod
    def nothing_to_answer(self) -> Refusal:
        """The rejection of a prompt without content."""


class CompletionBody(Body):
    """Of /v1/completions."""

    prompt: list[int] | list[list[int]] | str | list[str]

    @classmethod
    def missing(cls, given: dict[str, Any]) -> Refusal | None:
        """A prompt that is absent or empty is refused before all else."""
        if given.get("prompt") in (None, ""):
            message = "Either prompt or prompt_embeds must be provided and non-empty."
            return refused(f"{message} (parameter=prompt)", "prompt")
        return None

    def prompt_tokens(self) -> int:
        """Words of a text or ids of a list, of one prompt."""
        prompt = self._only()
        return word_count(prompt) if isinstance(prompt, str) else len(prompt)

    def tokens(self) -> list[str] | list[int]:
        """Words, or the ids as they came."""
        prompt = self._only()
        return prompt.split() if isinstance(prompt, str) else prompt

    def _only(self) -> str | list[int]:
        """The one prompt; nothing when there are several."""
        prompt = self.prompt
        if isinstance(prompt, list) and len(prompt) == 1 and not isinstance(prompt[0], int):
            prompt = prompt[0]
        if isinstance(prompt, str):
            return prompt
        ids = [item for item in prompt if isinstance(item, int)]
        return ids if len(ids) == len(prompt) else []

    def said(self) -> list[str]:
        """The text; nothing of a list of token ids."""
        prompt = self.prompt if isinstance(self.prompt, list) else [self.prompt]
        return [text for text in prompt if isinstance(text, str)]

    def nothing_to_answer(self) -> Refusal:
        """No prompt, or several."""
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


class ChatBody(Body):
    """Of /v1/chat/completions."""

    messages: list[_Message]

    def prompt_tokens(self) -> int:
        """Words of all messages."""
        counted = sum(len(message.text().split()) for message in self.messages)
        return max(1, counted) if self.messages else 0

    def said(self) -> list[str]:
        """The text of each message."""
        return [message.text() for message in self.messages]

    def nothing_to_answer(self) -> Refusal:
        """No message."""
        return refused(
            "Cannot apply chat template to an empty conversation. Provide at least one message."
        )


def json_object(request: Request) -> dict[str, Any] | Refusal | Reply:
    """The body as an object, or its rejection."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        message = (
            "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed"
        )
        return Refusal(400, message, "Bad Request")
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


def _max_tokens(body: Body) -> int | Refusal:
    limits = (body.max_completion_tokens, body.max_tokens, DEFAULT_MAX_TOKENS)
    max_tokens = next(limit for limit in limits if limit is not None)
    shown = f"(parameter=max_tokens, value={max_tokens})"
    if max_tokens < 1:
        return refused(f"max_tokens must be at least 1, got {max_tokens}. {shown}", "max_tokens")
    if max_tokens > MAX_MODEL_LEN:
        message = f"max_tokens={max_tokens} cannot be greater than max_model_len={MAX_MODEL_LEN}."
        return refused(f"{message} Please request fewer output tokens. {shown}", "max_tokens")
    return max_tokens


def _generation(body: Body, options: SimulatorOptions) -> Generation | Refusal:
    """What a body wants, or why it cannot be served."""
    if body.model not in (None, options.model):
        message = f"The model `{body.model}` does not exist. Valid aliases: {options.model}."
        return Refusal(404, message, "NotFoundError", "model")
    max_tokens = _max_tokens(body)
    if isinstance(max_tokens, Refusal):
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
    wanted = body.stream_options or StreamOptions()
    usage = bool(wanted.include_usage)
    said = body.said()
    return Generation(
        options.model,
        prompt_tokens,
        max_tokens,
        bool(body.stream),
        usage,
        running_usage=usage and bool(wanted.continuous_usage_stats),
        timings=options.server_timings,
        reasoning_tokens=options.reasoning_tokens if isinstance(body, ChatBody) else 0,
        cached_tokens=min(options.cached_tokens, prompt_tokens),
        messages=len(said) if isinstance(body, ChatBody) else 0,
        digest=digest_of(said),
        tokens=body.tokens() if options.prefix_cache else [],
    )


class OpenAIFormat:
    """One of the two generating routes of a server; see `generation.WireFormat`."""

    def __init__(
        self,
        body: type[Body],
        render: Callable[[Generation, Serving], Answer],
        worded: Callable[[Refusal], Reply],
        *,
        strict: bool = True,
    ) -> None:
        """A route with such bodies and answers; `worded` is how the server refuses.

        One that is not `strict` takes any model's name, and stream options without a stream.
        """
        self._body, self.answer, self._worded, self._strict = body, render, worded, strict

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What the body asks for, or the answer that rejects it."""
        asked = self._asked(request, options)
        return self._worded(asked) if isinstance(asked, Refusal) else asked

    def _asked(self, request: Request, options: SimulatorOptions) -> Generation | Refusal | Reply:
        given = json_object(request)
        if not isinstance(given, dict):
            return given
        if not self._strict:
            given.pop("model", None)
        elif given.get("stream_options") and not given.get("stream"):
            message = "Stream options can only be defined when `stream=True`."
            return refused(f"{message} (parameter=stream_options)", "stream_options")
        missing = self._body.missing(given)
        if missing:
            return missing
        try:
            body = self._body.model_validate(given)
        except ValidationError as error:
            return invalid_fields(error)
        return _generation(body, options)
