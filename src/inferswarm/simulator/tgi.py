"""TGI's own routes: `/generate`, `/generate_stream` and `/`, which speaks either."""

import json
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ValidationError

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator import tgi_replies
from inferswarm.simulator.generation import (
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
from inferswarm.simulator.heads import HYPER, Headers
from inferswarm.simulator.tgi_replies import error_event, error_object, invalid, json_reply

_DEFAULT_MAX_TOKENS = 100
_LOGPROB = -0.31
_FAILED = ("Request failed during generation: simulated", "generation")
_TOKEN = b'data:{"index":%d,"token":{"id":%d,"text":"%b","logprob":-0.31,"special":false},'
_MORE = b'"generated_text":null,"details":null}\n\n'


class _Parameters(BaseModel):
    max_new_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    best_of: int | None = None
    do_sample: bool = False
    return_full_text: bool | None = None
    details: bool = False
    decoder_input_details: bool = False


class _Body(BaseModel):
    inputs: str
    parameters: _Parameters = _Parameters()
    stream: bool = False


class TgiAnswer(Answer):
    """Renders an answer; the last event of a stream repeats the whole text."""

    manner = HYPER

    def __init__(self, asked: Generation, serving: Serving) -> None:
        """The answer to what was asked."""
        self._asked, self._serving = asked, serving
        self._number, self._total = serving.number, serving.total
        # No event of its own for an end-of-sequence token: a stop sequence ends short answers.
        self._finish = "length" if serving.total >= asked.max_tokens else "stop_sequence"
        self.stream_headers = (
            tgi_replies.EVENT_STREAM[0],
            *_compute(asked),
            ("x-accel-buffering", "no"),
            *tgi_replies.EVENT_STREAM[1:],
            *tgi_replies.CORS,
        )

    @property
    def _text(self) -> str:
        said = words(self._number, 0, self._total).decode()
        return self._asked.prompt + said if self._asked.echo else said

    def tokens(self, first: int, after: int) -> bytes:
        """An event for each token."""
        events = []
        ids = token_ids(self._number, first, after)
        for index, token_id in zip(range(first, after), ids, strict=True):
            text = words(self._number, index, index + 1)
            end = _MORE if index + 1 < self._total else self._last()
            events.append(_TOKEN % (index + 1, token_id, text) + end)
        return b"".join(events)

    def _last(self) -> bytes:
        details = None
        if self._asked.details:
            details = {
                "finish_reason": self._finish,
                "generated_tokens": self._total,
                "seed": None,
                "input_length": self._asked.prompt_tokens,
            }
        # Without the brace that opens the object.
        rest = msgspec.json.encode({"generated_text": self._text, "details": details})[1:]
        return rest + b"\n\n"

    def failure(self) -> tuple[bytes, ...]:
        """An error event; the stream then just ends."""
        return (error_event(*_FAILED),)

    def whole(self) -> Reply:
        """One object, with the times and counts in headers."""
        return json_reply(200, self._object(), self._headers())

    def _object(self) -> dict[str, Any]:
        body: dict[str, Any] = {"generated_text": self._text}
        if not self._asked.details:
            return body
        ids = token_ids(self._number, 0, self._total)
        tokens = [
            {
                "id": token_id,
                "text": words(self._number, index, index + 1).decode(),
                "logprob": _LOGPROB,
                "special": False,
            }
            for index, token_id in enumerate(ids)
        ]
        body["details"] = {
            "finish_reason": self._finish,
            "generated_tokens": self._total,
            "seed": None,
            "prefill": [],
            "tokens": tokens,
        }
        return body

    def _headers(self) -> Headers:
        serving = self._serving
        busy_ns = serving.prefill_ns + serving.decode_ns
        total_ns = serving.queue_ns + busy_ns
        kind, characters = _compute(self._asked)
        return (
            kind,
            ("x-compute-time", str(total_ns / 1e9)),
            characters,
            ("x-total-time", _ms(total_ns)),
            ("x-validation-time", "0"),
            ("x-queue-time", _ms(serving.queue_ns)),
            ("x-inference-time", _ms(busy_ns)),
            ("x-time-per-token", _ms(busy_ns // max(1, self._total))),
            ("x-prompt-tokens", str(self._asked.prompt_tokens)),
            ("x-generated-tokens", str(self._total)),
        )

    def refusal(self) -> Reply:
        """HTTP 424, or an event under 200 in a stream."""
        if self._asked.stream:
            return tgi_replies.failed_stream(error_event(*_FAILED))
        return json_reply(424, error_object(*_FAILED))


class _ListAnswer(TgiAnswer):
    """`/` wraps the answer that is not streamed in a list."""

    def whole(self) -> Reply:
        return json_reply(200, [self._object()], self._headers())


def _ms(span_ns: int) -> str:
    return str(span_ns // 1_000_000)


def _compute(asked: Generation) -> Headers:
    return (
        ("x-compute-type", tgi_replies.COMPUTE_TYPE),
        ("x-compute-characters", str(len(asked.prompt))),
    )


class TgiFormat:
    """One of the routes; see `generation.WireFormat`."""

    def __init__(
        self, stream: Literal["never", "always", "asked"], answer: type[TgiAnswer] = TgiAnswer
    ) -> None:
        """A route whose answers are streamed or not, or as the body says."""
        self._stream, self.answer = stream, answer

    def read(self, request: Request, options: SimulatorOptions) -> Generation | Reply:
        """What the body asks for, or the answer that rejects it."""
        body = _read(request)
        if isinstance(body, Reply):
            return body
        stream = self._stream == "always" or (self._stream == "asked" and body.stream)
        tokens, parameters = word_count(body.inputs), body.parameters
        limit = parameters.max_new_tokens
        limit = _DEFAULT_MAX_TOKENS if limit is None else limit
        if why := _unfit(body, tokens, limit, stream=stream):
            return invalid(why, stream=stream)
        return Generation(
            options.model,
            tokens,
            limit,
            stream,
            prompt=sendable(body.inputs),
            echo=bool(parameters.return_full_text),
            details=parameters.details or parameters.decoder_input_details,
        )


def _read(request: Request) -> _Body | Reply:
    if not request.headers.get("content-type", "").startswith("application/json"):
        message = "Expected request with `Content-Type: application/json`"
        return tgi_replies.plain_text(415, message)
    try:
        return _Body.model_validate(json.loads(request.body))
    except ValidationError as error:
        one = error.errors()[0]
        place = ".".join(map(str, one["loc"]))
        what = f"missing field `{place}`" if one["type"] == "missing" else f"{place}: {one['msg']}"
        message = f"Failed to deserialize the JSON body into the target type: {what}"
        return tgi_replies.plain_text(422, message)
    except (ValueError, RecursionError) as error:
        message = f"Failed to parse the request body as JSON: {error}"
        return tgi_replies.plain_text(400, message)


def _unfit(body: _Body, tokens: int, limit: int, *, stream: bool) -> str:
    """Why TGI refuses such parameters; empty when it takes them."""
    given = body.parameters
    samples = given.do_sample or any((given.temperature, given.top_p, given.top_k))
    best_of = 1 if given.best_of is None else given.best_of
    temperature = 1.0 if given.temperature is None else given.temperature
    top_p = 0.5 if given.top_p is None else given.top_p
    top_k = 1 if given.top_k is None else given.top_k
    total = f"Given: {tokens} `inputs` tokens and {limit} `max_new_tokens`"
    reasons = {
        "`best_of` must be strictly positive": best_of < 1,
        "you must use sampling when `best_of` is > 1": best_of > 1 and not samples,
        "`best_of` != 1 is not supported when streaming tokens": best_of != 1 and stream,
        "`decoder_input_details` == true is not supported when streaming tokens": (
            given.decoder_input_details and stream
        ),
        "`temperature` must be strictly positive": temperature <= 0,
        "`top_p` must be > 0.0 and < 1.0": not 0 < top_p < 1,
        "`top_k` must be strictly positive": top_k < 1,
        "`max_new_tokens` must be strictly positive": limit < 1,
        "`inputs` cannot be empty": not body.inputs,
        f"`inputs` tokens + `max_new_tokens` must be <= {MAX_MODEL_LEN}. {total}": (
            tokens + limit > MAX_MODEL_LEN
        ),
    }
    return next((why for why, holds in reasons.items() if holds), "")


GENERATE = TgiFormat("never")
GENERATE_STREAM = TgiFormat("always")
COMPATIBLE = TgiFormat("asked", _ListAnswer)
