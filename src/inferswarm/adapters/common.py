"""What several wire formats do alike: nested fields of a body, JSON that may be anything, errors."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from inferswarm.adapters import Answer

_Body = TypeVar("_Body")


def merged(body: Mapping[str, Any], nested: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """`body` with further fields over its own; an object under `nested` goes into the one there."""
    inner = extra.get(nested)
    if isinstance(inner, Mapping):
        extra = {**extra, nested: {**body.get(nested, {}), **inner}}
    return {**body, **extra}


def told(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def decoded(decoder: msgspec.json.Decoder[_Body], data: bytes, answer: Answer) -> _Body | None:
    """The JSON in `data`; None, and the answer's bad frame, when it is not what it should be."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        answer.bad_frame = answer.bad_frame or f"{error}: {data[:200]!r}"
        return None


def error_text(error: object) -> str:
    """The message of an error, which may be an object with one, or a text."""
    found = (isinstance(error, Mapping) and error.get("message")) or error
    try:
        return str(found or "error object without a message")
    except RecursionError:  # what is just not too deep to be decoded may be too deep to be shown
        return "error object nested too deeply"


def model_at(body: bytes, key: str) -> list[str]:
    """The one model that an object names under `key`; raises ValueError when it does not."""
    try:
        name = msgspec.json.decode(body, type=dict[str, Any]).get(key)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not what describes a model: {body[:200]!r}") from error
    if not isinstance(name, str) or not name:
        raise ValueError(f"names no model: {body[:200]!r}")
    return [name]
