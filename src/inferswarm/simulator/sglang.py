"""SGLang's own `POST /generate`: texts hold all tokens so far, and every event tells the counts."""

from typing import Any

from pydantic import BaseModel

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator import fastapi
from inferswarm.simulator.generation import (
    DEFAULT_MAX_TOKENS,
    MAX_MODEL_LEN,
    Answer,
    Generation,
    Reply,
    Request,
    Serving,
    sendable,
    token_ids,
    word_count,
    words,
)
from inferswarm.simulator.replies import Refusal
from inferswarm.simulator.templates import event

_DONE = b"data: [DONE]\n\n"


class _Sampling(BaseModel):
    max_new_tokens: int | None = None


class _Body(BaseModel):
    text: str | None = None
    input_ids: list[int] | None = None
    sampling_params: _Sampling | None = None
    stream: bool = False
    rid: str | None = None


class SGLangAnswer(Answer):
    """Renders an answer."""

    def __init__(self, asked: Generation, serving: Serving) -> None:
        """The answer to what was asked."""
        self._asked, self._serving = asked, serving
        self._id = asked.request_id or f"{serving.number:032x}"
        self._text, self._ids = "", list[int]()

    def _object(self, text: str, ids: list[int], written: int) -> dict[str, Any]:
        return {"text": text, "output_ids": ids, "meta_info": self._meta(written)}

    def _meta(self, written: int) -> dict[str, Any]:
        asked, serving = self._asked, self._serving
        last = written == serving.total
        meta: dict[str, Any] = {
            "id": self._id,
            "finish_reason": self._finish() if last else None,
            "prompt_tokens": asked.prompt_tokens,
            "weight_version": "default",
            "num_retractions": 0,
        }
        if asked.timings:
            meta["queue_time"] = serving.queue_ns / 1e9
        meta |= {
            "reasoning_tokens": 0,
            "completion_tokens": written,
            "cached_tokens": asked.cached_tokens,
        }
        if last:
            meta["e2e_latency"] = (serving.last_ns - serving.accepted_ns) / 1e9
        return meta

    def _finish(self) -> dict[str, Any]:
        if self._serving.total >= self._asked.max_tokens:
            return {"type": "length", "length": self._asked.max_tokens}
        return {"type": "stop", "matched": 2}

    def tokens(self, first: int, after: int) -> bytes:
        """One event: with all tokens so far, or only the new ones."""
        number = self._serving.number
        text, ids = words(number, first, after).decode(), token_ids(number, first, after)
        if self._asked.cumulative:
            self._text += text
            self._ids += ids
            text, ids = self._text, self._ids
        return event(self._object(text, ids, after))

    def ending(self) -> tuple[bytes, ...]:
        """The end mark."""
        return (_DONE,)

    def failure(self) -> tuple[bytes, ...]:
        """An error event and the end mark."""
        return (event(_error("Internal server error", "internal_server_error", 500)), _DONE)

    def whole(self) -> Reply:
        """The last event's object, with all tokens."""
        number, total = self._serving.number, self._serving.total
        text, ids = words(number, 0, total).decode(), token_ids(number, 0, total)
        return fastapi.json_reply(200, self._object(text, ids, total))

    def refusal(self) -> Reply:
        """HTTP 500 with an error object."""
        error = _error("Internal server error", "internal_server_error", 500)
        return fastapi.json_reply(500, error)


def _error(message: str, kind: str, code: int) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": code, "retryable": False}}


class SGLangFormat:
    """`/generate`; see `generation.WireFormat`."""

    answer = SGLangAnswer

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What the body asks for, or the 400 or 422 that rejects it."""
        body = fastapi.read_body(_Body, request)
        if isinstance(body, Reply):
            return body
        prompt = word_count(body.text) if body.text else len(body.input_ids or ())
        limit = body.sampling_params.max_new_tokens if body.sampling_params else None
        limit = DEFAULT_MAX_TOKENS if limit is None else limit
        if why := _unfit(prompt, limit):
            return fastapi.json_reply(400, _error(why, "invalid_request_error", 400))
        return Generation(
            options.model,
            prompt,
            limit,
            body.stream,
            request_id=sendable(body.rid or ""),
            cumulative=options.stream_text != "incremental",
            timings=options.server_timings,
            cached_tokens=min(options.cached_tokens, prompt),
            tokens=_tokens(body) if options.prefix_cache else [],
        )


def _tokens(body: _Body) -> list[str] | list[int]:
    return body.text.split() if body.text else body.input_ids or []


def _unfit(prompt: int, limit: int) -> str:
    if not prompt:
        return "Either text, input_ids or input_embeds should be provided."
    if limit < 1:
        return f"max_new_tokens must be at least 1, got {limit}."
    if prompt + limit > MAX_MODEL_LEN:
        return (
            f"Requested token count exceeds the model's maximum context length of {MAX_MODEL_LEN} "
            f"tokens. You requested a total of {prompt + limit} tokens."
        )
    return ""


def worded(refusal: Refusal) -> Reply:
    """A refusal of the OpenAI routes."""
    return fastapi.json_reply(
        refusal.status,
        {
            "object": "error",
            "message": refusal.message,
            "type": refusal.kind,
            "param": refusal.param,
            "code": refusal.status,
        },
    )


def model_info(options: SimulatorOptions, _: Request) -> Reply:
    """`GET /get_model_info`."""
    return fastapi.json_reply(
        200,
        {
            "model_path": options.model,
            "tokenizer_path": options.model,
            "is_generation": True,
            "preferred_sampling_params": None,
            "weight_version": "default",
        },
    )


def models(options: SimulatorOptions, _: Request) -> Reply:
    """`GET /v1/models`."""
    card = {
        "id": options.model,
        "object": "model",
        "created": 0,
        "owned_by": "sglang",
        "root": options.model,
        "parent": None,
        "max_model_len": MAX_MODEL_LEN,
    }
    return fastapi.json_reply(200, {"object": "list", "data": [card]})


GENERATE = SGLangFormat()
