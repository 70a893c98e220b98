"""JetStream over HTTP: its own `/v1/generate`, and the wrapper's `/generate`; neither frames."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator import fastapi
from inferswarm.simulator.generation import (
    MAX_MODEL_LEN,
    Answer,
    Generation,
    Reply,
    Request,
    Serving,
    token_ids,
    word_count,
    words,
)
from inferswarm.simulator.heads import Headers

_DEFAULT_MAX_TOKENS = 100
_FAILED = "Simulated failure of the model"
_JSON: Headers = (("content-type", "application/json"),)


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str


class _Tokens(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token_ids: list[int]


class _OwnBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    max_tokens: int
    text_content: _Text | None = None
    token_content: _Tokens | None = None
    metadata: dict[str, Any] | None = None
    num_samples: int | None = None
    lora_adapter_id: str | None = None
    has_bos: bool | None = None


class _WrapperBody(BaseModel):
    prompt: str
    max_tokens: int = _DEFAULT_MAX_TOKENS
    stream: bool = False
    priority: int = 0


class _JetStreamAnswer(Answer):
    """One indented JSON document after the other; a failure just breaks the connection."""

    def __init__(self, asked: Generation, serving: Serving) -> None:
        """The answer to what was asked."""
        self._serving = serving

    def _text(self, first: int, after: int) -> str:
        return words(self._serving.number, first, after).decode()


class OwnAnswer(_JetStreamAnswer):
    """Protobuf messages as JSON, under the media type of events that they are not."""

    def tokens(self, first: int, after: int) -> bytes:
        """One message."""
        ids = token_ids(self._serving.number, first, after)
        sample = {"text": self._text(first, after), "tokenIds": ids}
        return json.dumps({"streamContent": {"samples": [sample]}}, indent=2).encode()

    def whole(self) -> Reply:
        """Never asked for: the route always streams."""
        raise NotImplementedError("JetStream's own server always streams")

    def refusal(self) -> Reply:
        """HTTP 500 without JSON."""
        return fastapi.crashed()


class WrapperAnswer(_JetStreamAnswer):
    """The wrapper's objects."""

    stream_headers = _JSON

    def tokens(self, first: int, after: int) -> bytes:
        """One object."""
        serving = self._serving
        piece = {
            "id": f"generate-{serving.number:032x}",
            "time_created": serving.accepted_ns / 1e9,
            "text": self._text(first, after),
        }
        return json.dumps(piece, indent=4).encode()

    def whole(self) -> Reply:
        """The text under `response`."""
        return fastapi.json_reply(200, {"response": self._text(0, self._serving.total)})

    def refusal(self) -> Reply:
        """HTTP 500 with the exception's text."""
        return fastapi.detail(500, _FAILED)


class OwnFormat:
    """`/v1/generate`; see `generation.WireFormat`."""

    answer = OwnAnswer

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What the body asks for, or the answer that rejects it."""
        body = fastapi.read_body(_OwnBody, request)
        if isinstance(body, Reply):
            return body
        if body.text_content is None and body.token_content is None:
            return fastapi.crashed()
        if not 0 < body.max_tokens <= MAX_MODEL_LEN:
            return fastapi.crashed()
        if body.token_content is not None:
            tokens = len(body.token_content.token_ids)
        else:
            tokens = word_count(body.text_content.text if body.text_content else "")
        return Generation(options.model, tokens, body.max_tokens, stream=True)


class WrapperFormat:
    """`/generate`; see `generation.WireFormat`."""

    answer = WrapperAnswer

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What the body asks for, or the 422 or 500 that rejects it."""
        body = fastapi.read_body(_WrapperBody, request)
        if isinstance(body, Reply):
            return body
        if not 0 < body.max_tokens <= MAX_MODEL_LEN:
            return fastapi.detail(500, f"max_tokens of {body.max_tokens} cannot be served")
        return Generation(options.model, word_count(body.prompt), body.max_tokens, body.stream)


def _indented(payload: object) -> Reply:
    return fastapi.raw_reply(200, json.dumps(payload, indent=4).encode())


def root(_: SimulatorOptions, __: Request) -> Reply:
    """`GET /`."""
    return _indented({"message": "JetStream HTTP Server"})


def health(_: SimulatorOptions, __: Request) -> Reply:
    """`GET /v1/health`; the truth is a text there."""
    return _indented({"is_live": "True"})


def healthcheck(_: SimulatorOptions, __: Request) -> Reply:
    """`GET /healthcheck` of the wrapper."""
    return fastapi.json_reply(200, {"response": {"is_live": True}})


OWN = OwnFormat()
WRAPPER = WrapperFormat()
