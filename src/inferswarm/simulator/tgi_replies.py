"""TGI's errors and plain routes."""

import msgspec

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.generation import MAX_MODEL_LEN, Reply, Request
from inferswarm.simulator.heads import HYPER, Headers
from inferswarm.simulator.replies import Refusal

CORS: Headers = (
    ("vary", "origin, access-control-request-method, access-control-request-headers"),
    ("access-control-allow-origin", "*"),
)
COMPUTE_TYPE = "1-simulated"
EVENT_STREAM: Headers = (("content-type", "text/event-stream"), ("cache-control", "no-cache"))


def json_reply(status: int, payload: object, more: Headers = ()) -> Reply:
    """A JSON answer with the headers of axum, `more` of them in between."""
    body = msgspec.json.encode(payload)
    headers = (("content-type", "application/json"), *more, *CORS)
    return Reply(status, (*headers, ("content-length", str(len(body)))), body, HYPER)


def error_object(message: str, kind: str) -> dict[str, str]:
    """The body of an error."""
    return {"error": message, "error_type": kind}


def error_event(message: str, kind: str) -> bytes:
    """The same in a stream."""
    return b"data:%b\n\n" % msgspec.json.encode(error_object(message, kind))


def invalid(why: str, *, stream: bool) -> Reply:
    """The refusal of parameters: HTTP 422, or an event under 200 in a stream."""
    message = f"Input validation error: {why}"
    if not stream:
        return json_reply(422, error_object(message, "validation"))
    return failed_stream(error_event(message, "validation"))


def failed_stream(event: bytes) -> Reply:
    """A stream that holds nothing but an error."""
    headers = (*EVENT_STREAM, ("x-accel-buffering", "no"), *CORS)
    return Reply(200, headers, event, HYPER, chunked=True)


def worded(refusal: Refusal) -> Reply:
    """A refusal of the OpenAI routes."""
    return json_reply(422, error_object(f"Input validation error: {refusal.message}", "validation"))


def plain_text(status: int, message: str) -> Reply:
    """What axum answers to bodies that it cannot read."""
    body = message.encode(errors="replace")
    headers = (("content-type", "text/plain; charset=utf-8"), *CORS)
    return Reply(status, (*headers, ("content-length", str(len(body)))), body, HYPER)


def empty(status: int, more: Headers = ()) -> Reply:
    """An answer without a body."""
    return Reply(status, (*more, *CORS, ("content-length", "0")), b"", HYPER)


def info(options: SimulatorOptions, _: Request) -> Reply:
    """`GET /info`."""
    return json_reply(
        200,
        {
            "model_id": options.model,
            "model_sha": None,
            "model_pipeline_tag": "text-generation",
            "max_concurrent_requests": options.max_concurrency or 128,
            "max_best_of": 2,
            "max_stop_sequences": 4,
            "max_input_tokens": MAX_MODEL_LEN - 1,
            "max_total_tokens": MAX_MODEL_LEN,
            "validation_workers": 2,
            "max_client_batch_size": 4,
            "router": "text-generation-router",
            "version": "3.3.6",
            "sha": None,
            "docker_label": None,
        },
    )


def models(options: SimulatorOptions, _: Request) -> Reply:
    """`GET /v1/models`."""
    card = {"id": options.model, "object": "model", "created": 0, "owned_by": options.model}
    return json_reply(200, {"object": "list", "data": [card]})


def health(_: SimulatorOptions, __: Request) -> Reply:
    """200 without a body."""
    return empty(200)
