"""What FastAPI and Starlette answer by themselves, on servers that leave their errors to them."""

import json
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from inferswarm.simulator.generation import Reply, Request
from inferswarm.simulator.heads import Headers

BodyT = TypeVar("BodyT", bound=BaseModel)
_WORDS_OF_V1 = {
    "missing": ("field required", "value_error.missing"),
    "string_type": ("str type expected", "type_error.str"),
    "int_type": ("value is not a valid integer", "type_error.integer"),
    "int_parsing": ("value is not a valid integer", "type_error.integer"),
    "dict_type": ("value is not a valid dict", "type_error.dict"),
}


def json_reply(status: int, payload: object, more: Headers = ()) -> Reply:
    """A JSON answer; `more` headers come first."""
    return raw_reply(status, msgspec.json.encode(payload), more)


def raw_reply(status: int, body: bytes, more: Headers = ()) -> Reply:
    """An answer whose JSON is rendered already."""
    sized = (("content-length", str(len(body))), ("content-type", "application/json"))
    return Reply(status, (*more, *sized), body)


def detail(status: int, message: str, more: Headers = ()) -> Reply:
    """An `HTTPException`."""
    return json_reply(status, {"detail": message}, more)


def crashed() -> Reply:
    """The answer to an exception that nobody caught: no JSON."""
    body = b"Internal Server Error"
    headers = (("content-length", str(len(body))), ("content-type", "text/plain; charset=utf-8"))
    return Reply(500, headers, body)


def empty() -> Reply:
    """200 without a body."""
    return Reply(200, (("content-length", "0"),), b"")


def not_found(_: str) -> Reply:
    """The answer to an unknown path."""
    return detail(404, "Not Found")


def method_not_allowed(allowed: str) -> Reply:
    """The answer to a known path asked with another method."""
    return detail(405, "Method Not Allowed", (("allow", allowed),))


def read_body(kind: type[BodyT], request: Request, *, pydantic: int = 2) -> BodyT | Reply:
    """The body, or the 422 of FastAPI with that major version of pydantic."""
    try:
        given = json.loads(request.body or b"null")
    except (ValueError, RecursionError) as error:
        at = error.pos if isinstance(error, json.JSONDecodeError) else 0
        what = error.msg if isinstance(error, json.JSONDecodeError) else "not JSON"
        return _unreadable(at, what, pydantic)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        return json_reply(422, {"detail": [_invalid(one, pydantic) for one in error.errors()]})


def _unreadable(at: int, what: str, pydantic: int) -> Reply:
    told: dict[str, Any] = {"type": "json_invalid", "loc": ["body", at]}
    if pydantic == 1:
        told = {"loc": ["body", at], "msg": what, "type": "value_error.jsondecode"}
    else:
        told |= {"msg": "JSON decode error", "input": {}, "ctx": {"error": what}}
    return json_reply(422, {"detail": [told]})


def _invalid(error: Any, pydantic: int) -> dict[str, Any]:
    kind, place = error["type"], ["body", *error["loc"]]
    if pydantic == 1:
        message, kind = _WORDS_OF_V1.get(kind, (error["msg"], f"value_error.{kind}"))
        return {"loc": place, "msg": message, "type": kind}
    return {"type": kind, "loc": place, "msg": error["msg"], "input": error["input"]}
