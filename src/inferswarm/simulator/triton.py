"""TensorRT-LLM behind Triton: `/v2/models/{model}/generate` and `generate_stream`."""

import json
from typing import Any, Protocol

import msgspec

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator import triton_replies
from inferswarm.simulator.generation import (
    Answer,
    Generation,
    Reply,
    Request,
    Serving,
    sendable,
    word_count,
    words,
)
from inferswarm.simulator.heads import EVHTP
from inferswarm.simulator.templates import around_text, event

_BLOCK_TOKENS = 64
_ONE_RESPONSE = (
    "generate expects model to produce exactly 1 response, use generate stream for model that "
    "generates various number of responses"
)


class Shape(Protocol):
    """Where the models of the two backends differ."""

    def read(
        self, fields: dict[str, Any], options: SimulatorOptions, model: str
    ) -> Generation | str:
        """What the fields want, or why a model refuses them."""

    def outputs(
        self, asked: Generation, tokens: int, finish: str, *, stream: bool
    ) -> dict[str, Any]:
        """The outputs for `tokens` new tokens, in any order; the last have `finish`.

        The text is TEXT.
        """

    def perf(self, asked: Generation, serving: Serving) -> dict[str, Any]:
        """Its performance metrics."""


class TritonAnswer(Answer):
    """Renders an answer; the first response decides the HTTP status, so the head waits for it."""

    manner = EVHTP
    stream_headers = triton_replies.EVENT_STREAM
    early_head = False

    def __init__(self, shape: Shape, asked: Generation, serving: Serving, *, events: bool) -> None:
        """The answer to what was asked, as events or not."""
        self._shape, self._asked, self._serving, self._events = shape, asked, serving, events
        self._echoed = msgspec.json.encode(asked.prompt)[1:-1] if asked.echo else b""
        self._so_far = b""
        self._around: dict[int, tuple[bytes, bytes]] = {}

    def _object(self, tokens: int, *, stream: bool, last: bool) -> dict[str, Any]:
        """One response, its fields in order of their names as Triton writes them."""
        asked = self._asked
        reason = "length" if self._serving.total >= asked.max_tokens else "stop"
        fields = self._shape.outputs(asked, tokens, reason if last else "", stream=stream)
        if asked.request_id:
            fields["id"] = asked.request_id
        if last and asked.details:
            fields |= self._shape.perf(asked, self._serving)
        return dict(sorted(fields.items()))

    def tokens(self, first: int, after: int) -> bytes:
        """One event; a repeated prompt stands before the first text."""
        count, last = after - first, after == self._serving.total
        if last or count not in self._around:
            tree = self._object(count, stream=True, last=last)
            self._around[count] = around_text(tree, b"data: ", b"\n\n")
        before, behind = self._around[count]
        text = words(self._serving.number, first, after)
        if self._asked.cumulative:
            self._so_far += text
            return b"%b%b%b%b" % (before, self._echoed, self._so_far, behind)
        return b"%b%b%b%b" % (before, b"" if first else self._echoed, text, behind)

    def failure(self) -> tuple[bytes, ...]:
        """An error event; the stream then just ends."""
        return (event(_failed(self._asked)),)

    def whole(self) -> Reply:
        """One response, as an event where the route streams."""
        total = self._serving.total
        before, behind = around_text(self._object(total, stream=False, last=True))
        return self._made(
            200, before + self._echoed + words(self._serving.number, 0, total) + behind
        )

    def _made(self, status: int, body: bytes) -> Reply:
        if self._events:
            body = b"data: %b\n\n" % body
        headers = triton_replies.EVENT_STREAM if self._events else triton_replies.JSON
        return Reply(status, headers, body, EVHTP, chunked=True)

    def refusal(self) -> Reply:
        """HTTP 500 with an error in the form of the route."""
        return self._made(500, msgspec.json.encode(_failed(self._asked)))

    def broken(self) -> Reply:
        """The status was decided by a first response that was good."""
        return self._made(200, msgspec.json.encode(_failed(self._asked)))


def _failed(asked: Generation) -> dict[str, str]:
    return {"error": f"{_within(asked.model)}simulated failure"}


def _within(model: str) -> str:
    return f"in ensemble '{model}', " if model == "ensemble" else ""


class TritonFormat:
    """One of the routes for models of one shape; see `generation.WireFormat`."""

    def __init__(self, shape: Shape, *, events: bool) -> None:
        """A route that answers as events or not."""
        self._shape, self._events = shape, events

    def answer(self, asked: Generation, serving: Serving) -> TritonAnswer:
        """The renderer of an answer."""
        return TritonAnswer(self._shape, asked, serving, events=self._events)

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What the body asks for, or the answer that rejects it."""
        model = triton_replies.model_of(request)
        fields = _fields(request)
        if isinstance(fields, Reply):
            return fields
        if problem := _problem(fields, model):
            return problem
        asked = self._shape.read(fields, options, model)
        if isinstance(asked, str):
            return self._by_model(400, f"{_within(model)}{asked}")
        if asked.stream and not self._events:
            return self._by_model(200, _ONE_RESPONSE)
        return asked

    def _by_model(self, status: int, message: str) -> Reply:
        """An error that the model made, in the form of the route."""
        body = msgspec.json.encode({"error": message})
        if not self._events:
            return Reply(status, triton_replies.JSON, body, EVHTP, chunked=True)
        body = b"data: %b\n\n" % body
        return Reply(status, triton_replies.EVENT_STREAM, body, EVHTP, chunked=True)


def _fields(request: Request) -> dict[str, Any] | Reply:
    """Fields of the body, those under `parameters` among them."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        at = error.pos + 1 if isinstance(error, json.JSONDecodeError) else 0
        message = f"failed to parse the request JSON buffer: Invalid value. at {at}"
        return triton_replies.error(500, message)
    if not isinstance(body, dict):
        return triton_replies.error(
            500, "attempt to access non-existing object member 'text_input'"
        )
    parameters = body.pop("parameters", None)
    return {**(parameters if isinstance(parameters, dict) else {}), **body}


def _problem(fields: dict[str, Any], model: str) -> Reply | None:
    """The error for inputs that are missing or of the wrong type."""
    inputs = triton_replies.inputs_of(model)
    required = [name for name, (_, must) in inputs.items() if must]
    missing = [name for name in required if name not in fields]
    if missing:
        given = [name for name in inputs if name in fields]
        shown = fields.get("id") or "<id_unknown>"
        message = (
            f"[request id: {shown}] expected number of inputs between {len(required)} and "
            f"{len(inputs)} but got {len(given)} inputs for model '{model}'. Got input(s) {given}, "
            f"but missing required input(s) {missing}. Please provide all required input(s)."
        )
        return triton_replies.error(400, message)
    for name, (kind, _) in inputs.items():
        if name in fields and not _typed(fields[name], kind):
            what = "string" if kind == "BYTES" else "signed-integer"
            message = f"Unable to parse 'data': attempt to access JSON non-{what} as {what}"
            return triton_replies.error(500, message)
    return None


def _typed(value: Any, kind: str) -> bool:
    """Whether a field fits its data type; only these two are looked at."""
    values = value if isinstance(value, list) else [value]
    if not values:
        return False
    if kind == "BYTES":
        return all(isinstance(one, str) for one in values)
    if kind == "INT32":
        return all(isinstance(one, int) and not isinstance(one, bool) for one in values)
    return True


def one(value: Any) -> Any:
    """A tensor of one element may be given as a list."""
    return value[0] if isinstance(value, list) and value else value


def asked_of(
    fields: dict[str, Any], options: SimulatorOptions, model: str, limit: int, *, stream: bool
) -> Generation:
    """What both kinds of models read alike; `echo`, `details` and others are added."""
    prompt = sendable(str(one(fields["text_input"])))
    tokens = word_count(prompt)
    return Generation(
        model,
        tokens,
        limit,
        stream,
        prompt=prompt,
        request_id=sendable(str(fields.get("id", ""))),
        cumulative=options.stream_text == "cumulative",
        cached_tokens=min(options.cached_tokens, tokens),
    )


def times(serving: Serving) -> dict[str, int]:
    """The instants that performance metrics tell."""
    return {
        "arrival_time_ns": serving.accepted_ns,
        "first_scheduled_time_ns": serving.started_ns,
        "first_token_time_ns": serving.first_ns,
        "last_token_time_ns": serving.last_ns,
    }


def blocks(asked: Generation, serving: Serving) -> tuple[int, int]:
    """Blocks of the cache that the request needs, and those found there."""
    needed = -(-(asked.prompt_tokens + serving.total) // _BLOCK_TOKENS)
    return needed, asked.cached_tokens // _BLOCK_TOKENS
