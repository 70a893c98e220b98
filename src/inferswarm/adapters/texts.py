"""The words of an answer, which are read only where somebody needs them."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from inferswarm.adapters import Answer
from inferswarm.adapters.common import decoded
from inferswarm.framing.http1 import Response
from inferswarm.framing.sse import read_events

_Body = TypeVar("_Body")


def payloads(response: Response) -> list[bytes]:
    """The data of each event, or the whole body of a plain answer that is complete."""
    if response.is_event_stream:
        return read_events(response.pieces).data
    return [response.body] if response.complete else []


def objects(decoder: msgspec.json.Decoder[_Body], response: Response) -> Iterator[_Body]:
    """The JSON of each payload; what is none is left out."""
    for data in payloads(response):
        if (body := decoded(decoder, data, Answer())) is not None:
            yield body


def in_order(said: Iterable[tuple[int, str]]) -> str:
    """The words of (place of a choice, words), choice by choice."""
    by_place: dict[int, list[str]] = {}
    for place, words in said:
        by_place.setdefault(place, []).append(words)
    return "".join("".join(by_place[place]) for place in sorted(by_place))
