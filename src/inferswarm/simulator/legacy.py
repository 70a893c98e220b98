"""vLLM's demo server: `POST /generate`, whose answers begin with the prompt and hold all so far."""

import json
from typing import Any

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator import fastapi
from inferswarm.simulator.generation import (
    MAX_MODEL_LEN,
    Answer,
    Generation,
    Reply,
    Request,
    Serving,
    word_count,
    words,
)

_DEFAULT_MAX_TOKENS = 16


class LegacyAnswer(Answer):
    """One JSON object to a line; there is no form for errors, and no end mark."""

    # Starlette's StreamingResponse without a media type sends none.
    stream_headers = ()

    def __init__(self, asked: Generation, serving: Serving) -> None:
        """The answer to what was asked."""
        self._number, self._total = serving.number, serving.total
        self._so_far = b'{"text": [%b' % json.dumps(asked.prompt).encode()[:-1]
        self._whole = '{"text":[' + json.dumps(asked.prompt, ensure_ascii=False)[:-1]

    def tokens(self, first: int, after: int) -> bytes:
        """The line with everything up to the newest token."""
        self._so_far += words(self._number, first, after)
        return self._so_far + b'"]}\n'

    def whole(self) -> Reply:
        """The object of the last line, spaced as Starlette does."""
        text = words(self._number, 0, self._total)
        return fastapi.raw_reply(200, self._whole.encode(errors="replace") + text + b'"]}')

    def refusal(self) -> Reply:
        """HTTP 500 without JSON."""
        return fastapi.crashed()


class LegacyFormat:
    """`/generate`; see `generation.WireFormat`."""

    answer = LegacyAnswer

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What the body asks for; whatever does not fit is an exception there."""
        try:
            body = json.loads(request.body)
            prompt, limit = body["prompt"], body.get("max_tokens", _DEFAULT_MAX_TOKENS)
            stream = body.get("stream", False)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return fastapi.crashed()
        if not _fits(prompt, limit):
            return fastapi.crashed()
        return Generation(
            options.model, word_count(prompt), limit, bool(stream), prompt=prompt, echo=True
        )


def _fits(prompt: Any, limit: Any) -> bool:
    return (
        isinstance(prompt, str)
        and bool(prompt)
        and isinstance(limit, int)
        and 0 < limit <= MAX_MODEL_LEN
    )


GENERATE = LegacyFormat()
