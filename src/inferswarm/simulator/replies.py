"""Answers that generate nothing: errors as vLLM 0.32 words them, and the plain routes."""

from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import ValidationError

from inferswarm.simulator.generation import MAX_MODEL_LEN, Reply

_SHOWN_ERRORS = 10
# Tags that pydantic adds to the place of an error to say which alternative it tried.
_ALTERNATIVES = frozenset(
    {"str", "list[int]", "list[list[int]]", "list[str]", "list[any]", "list[Any]"}
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a body is not served; each server has its own words around it."""

    status: int
    message: str
    kind: str = "BadRequestError"
    param: str | None = None


def reply(status: int, payload: object, allow: str = "") -> Reply:
    """A JSON answer with the headers that FastAPI sends; `allow` is for 405."""
    body = msgspec.json.encode(payload)
    headers = [("allow", allow)] if allow else []
    headers += [("content-length", str(len(body))), ("content-type", "application/json")]
    return Reply(status, (*headers, ("vary", "Origin")), body)


def error_object(message: str, kind: str, param: str | None, code: int) -> dict[str, Any]:
    """The body of an error."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def worded(refusal: Refusal) -> Reply:
    """A refusal in vLLM's words."""
    status = refusal.status
    return reply(status, error_object(refusal.message, refusal.kind, refusal.param, status))


def refused(message: str, param: str | None = None) -> Refusal:
    """A 400 for a request that is well formed but cannot be served."""
    return Refusal(400, message, param=param)


def _shown_input(given: object) -> str:
    if isinstance(given, dict | list):
        return f"<{type(given).__name__} of {len(given)} items>"
    return str(given)


def _invalid(errors: list[dict[str, Any]]) -> Refusal:
    """The answer to bodies that do not fit; each error has type, loc, msg, input and maybe ctx."""
    lines = [f"{len(errors)} validation error{'s' if len(errors) > 1 else ''}:"]
    lines += [f"  {error}" for error in errors[:_SHOWN_ERRORS]]
    if len(errors) > _SHOWN_ERRORS:
        lines.append(f"  ...and {len(errors) - _SHOWN_ERRORS} more errors")
    return Refusal(400, "\n".join(lines), "Bad Request", errors[0]["loc"])


def invalid_one(kind: str, loc: str, message: str, given: object, **rest: object) -> Refusal:
    """A 400 for one thing that does not fit at the place `loc`."""
    error = {"type": kind, "loc": loc, "msg": message, "input": _shown_input(given), **rest}
    return _invalid([error])


def invalid_fields(error: ValidationError) -> Refusal:
    """A 400 that lists what pydantic found."""
    shown = []
    for one in error.errors(include_url=False, include_context=False):
        place = [str(part) for part in one["loc"] if part not in _ALTERNATIVES]
        loc = ".".join(["body", *place])
        given = _shown_input(one["input"])
        shown.append({"type": one["type"], "loc": loc, "msg": one["msg"], "input": given})
    return _invalid(shown)


def models(model: str, created_s: int) -> Reply:
    """The list of served models, which is one."""
    permission = {
        "id": "modelperm-0000000000000000",
        "object": "model_permission",
        "created": created_s,
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
    card = {
        "id": model,
        "object": "model",
        "created": created_s,
        "owned_by": "vllm",
        "root": model,
        "parent": None,
        "max_model_len": MAX_MODEL_LEN,
        "permission": [permission],
    }
    return reply(200, {"object": "list", "data": [card]})


def health() -> Reply:
    """200 without a body."""
    return Reply(200, (("content-length", "0"), ("vary", "Origin")), b"")


def unauthorized() -> Reply:
    """The answer to a wrong or absent bearer token; `error` is a string here."""
    return reply(401, {"error": "Unauthorized"})


def not_found() -> Reply:
    """The answer to an unknown route."""
    return reply(404, {"detail": "Not Found"})


def method_not_allowed(allowed: str) -> Reply:
    """The answer to a known route asked with another method."""
    return reply(405, {"detail": "Method Not Allowed"}, allow=allowed)
