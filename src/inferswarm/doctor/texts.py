"""What events of an answer say, in any wire format of JSON: found by the usual names of fields."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from inferswarm.framing.grpc import read_messages
from inferswarm.framing.http1 import Response
from inferswarm.framing.json_stream import read_documents
from inferswarm.framing.sse import Events, read_events

REASONING = ("reasoning", "reasoning_content")
_TEXT = frozenset({"text", "content", "text_output", "generated_text", "response", *REASONING})
_DEPTH = 8
_ENDS = (b"[DONE]",)


@dataclass(frozen=True, slots=True)
class Framed:
    """The events of an answer, and what separates them."""

    kind: str
    times: Sequence[int]
    data: Sequence[bytes]

    @property
    def reads(self) -> int:
        """In how many reads they came."""
        return len(set(self.times))


def framed(response: Response) -> Framed:
    """The events in an answer's body, whatever its head declares; the mark at the end left out."""
    if response.headers.get("content-type", "").startswith("application/grpc"):
        messages = read_messages(response.pieces)
        return Framed("gRPC messages", messages.times, messages.data)
    events = read_events(response.pieces)
    kind = "server-sent events"
    if not events.data:
        events, kind = read_documents(response.pieces), "JSON documents"
    return Framed(kind, *_without_end(events))


def _without_end(events: Events) -> tuple[list[int], list[bytes]]:
    kept = [at for at, data in enumerate(events.data) if data and data not in _ENDS]
    return [events.times[at] for at in kept], [events.data[at] for at in kept]


def texts(found: Framed) -> list[str]:
    """The first text of each event that has one."""
    return [text for data in found.data for _, text in islice(_spoken(data), 1)]


def reasoning_field(found: Framed) -> str:
    """The name of the field that holds reasoning; empty when there is none."""
    names = (name for data in found.data for name, _ in _spoken(data) if name in REASONING)
    return next(names, "")


def message_of(body: bytes) -> str:
    """The words of an error, in the forms that servers of this kind have; empty if there are none."""
    value = _decoded(body)
    if value is None and not body.lstrip().startswith((b"<", b"{", b"[")):
        return " ".join(body.decode("utf-8", "replace").split())
    if not isinstance(value, dict):
        return ""
    told = value.get("error") or value.get("detail") or value.get("message")
    if isinstance(told, dict):
        told = told.get("message")
    if isinstance(told, list):
        told = "; ".join(str(one.get("msg")) for one in told if isinstance(one, dict))
    return told if isinstance(told, str) else ""


def accumulates(said: Sequence[str]) -> bool | None:
    """Whether each text repeats those before it; None when too few differ to tell."""
    balance = changes = 0
    for before, text in pairwise(said):
        if text != before:
            changes += 1
            balance += 1 if text.startswith(before) else -1
    return balance > 0 if changes > 1 else None


def _spoken(data: bytes) -> Iterator[tuple[str, str]]:
    """(field, text) of an event, in the order of the document."""
    value = _decoded(data)
    if isinstance(value, list):  # of texts, or of pairs of text and score
        yield from _walk({"text": value}, "", 0)
    else:
        yield from _walk(value, "", 0)


def _walk(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if value and name in _TEXT:
            yield name, value
    elif depth < _DEPTH:
        inner: Iterable[tuple[str, Any]] = value.items() if isinstance(value, dict) else ()
        if isinstance(value, list):
            inner = ((name, one) for one in value)
        for key, one in inner:
            yield from _walk(one, key, depth + 1)


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
