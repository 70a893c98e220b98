"""SAX's HTTP server, which does not stream, and the OpenAI-like front end that some expect there."""

import json
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
    word_count,
    words,
)

_SCORES = (-12.3, -14.0)
_FAILED = "Simulated failure of the model"


class _Extra(BaseModel):
    per_example_max_decode_steps: int | None = None


class _Query(BaseModel):
    model: str
    query: str
    extra_inputs: _Extra | None = None


class _Prompt(BaseModel):
    model: str
    prompt: str
    max_tokens: int | None = None


class SaxAnswer(Answer):
    """A list of texts with their scores, the best first."""

    def __init__(self, asked: Generation, serving: Serving) -> None:
        """The answer to what was asked."""
        self._asked, self._serving = asked, serving

    def _text(self, number: int) -> str:
        return words(number, 0, self._serving.total).decode()

    def tokens(self, first: int, after: int) -> bytes:
        """Never asked for: no route streams."""
        raise NotImplementedError(f"SAX streams no tokens ({first} to {after})")

    def whole(self) -> Reply:
        """The list, spaced as Python's json does."""
        number = self._serving.number
        texts = [[self._text(number + index), score] for index, score in enumerate(_SCORES)]
        return fastapi.raw_reply(200, json.dumps(texts).encode())

    def refusal(self) -> Reply:
        """HTTP 500 with the exception's text."""
        return fastapi.detail(500, _FAILED)


class _OpenAILikeAnswer(SaxAnswer):
    def whole(self) -> Reply:
        asked, serving = self._asked, self._serving
        finish = "length" if serving.total >= asked.max_tokens else "stop"
        choice = {"index": 0, "text": self._text(serving.number), "finish_reason": finish}
        return fastapi.json_reply(200, {"model": asked.model, "choices": [choice]})


class SaxFormat:
    """`/generate`: a `query` is the documented form, a `prompt` the OpenAI-like one."""

    def answer(self, asked: Generation, serving: Serving) -> SaxAnswer:
        """The renderer of an answer, in the form of the question."""
        return (_OpenAILikeAnswer if asked.details else SaxAnswer)(asked, serving)

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What the body asks for, or the 422 or 500 that rejects it."""
        like_openai = _has_prompt_only(request.body)
        kind: type[_Prompt | _Query] = _Prompt if like_openai else _Query
        body = fastapi.read_body(kind, request, pydantic=1)
        if isinstance(body, Reply):
            return body
        if body.model != options.model:
            return fastapi.detail(500, f"model {body.model} not found")
        if isinstance(body, _Prompt):
            prompt, limit = body.prompt, body.max_tokens
        else:
            extra = body.extra_inputs or _Extra()
            prompt, limit = body.query, extra.per_example_max_decode_steps
        limit = DEFAULT_MAX_TOKENS if limit is None else limit
        if not 0 < limit <= MAX_MODEL_LEN:
            return fastapi.detail(500, f"cannot decode {limit} steps")
        tokens = word_count(prompt)
        return Generation(options.model, tokens, limit, stream=False, details=like_openai)


def _has_prompt_only(body: bytes) -> bool:
    try:
        given: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(given, dict) and "prompt" in given and "query" not in given


def root(_: SimulatorOptions, __: Request) -> Reply:
    """`GET /`."""
    return fastapi.json_reply(200, {"message": "HTTP Server for SAX Client"})


def models(options: SimulatorOptions, _: Request) -> Reply:
    """`GET /listall`."""
    return fastapi.json_reply(200, [options.model])


def cell(options: SimulatorOptions, _: Request) -> Reply:
    """`GET /listcell`."""
    return fastapi.json_reply(
        200,
        {
            "model": options.model,
            "model_path": "simulated",
            "checkpoint": "None",
            "max_replicas": 1,
            "active_replicas": 1,
        },
    )


GENERATE = SaxFormat()
