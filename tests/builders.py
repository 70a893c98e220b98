"""Small builders of the values that many tests need."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from hypothesis import settings
from msgspec.structs import replace

from inferswarm.exchange import Exchange, Outcome, Tape
from inferswarm.prompts import Prompt
from inferswarm.reading import Asked
from inferswarm.records import Record

MS = 1_000_000
S = 1_000_000_000
START_NS = 1_770_000_000 * S
CAPTURES = Path(__file__).parent / "captures"
FUZZ = settings(deadline=None, derandomize=True, max_examples=150)
"""The same examples on every machine and every day, so that no run of the tests is unlucky."""


def record(**changed: object) -> Record:
    """A streamed success of three chunks, one token each; any field can be another."""
    usual = Record(
        k=0,
        due_ns=START_NS,
        sent_ns=START_NS + MS,
        end_ns=START_NS + 401 * MS,
        outcome=Outcome.OK,
        status=200,
        streamed=True,
        chunk_ns=[200 * MS, 300 * MS, 400 * MS],
        input_tokens=7,
        input_source="server_usage",
        output_tokens=3,
        output_source="server_usage",
    )
    return replace(usual, **changed)


def failure(outcome: Outcome = Outcome.TRUNCATED, **changed: object) -> Record:
    """A request that brought no token."""
    return record(
        outcome=outcome,
        chunk_ns=[],
        input_tokens=None,
        input_source="",
        output_tokens=0,
        output_source="",
        **changed,
    )


def tape(reads: Iterable[tuple[int, bytes]]) -> Tape:
    """The tape of these (arrival, bytes)."""
    arrived, ends, data = [], [], b""
    for at_ns, piece in reads:
        data += piece
        arrived.append(at_ns)
        ends.append(len(data))
    return Tape(data, arrived, ends)


def exchange(data: bytes, failure: Outcome | None = None, detail: str = "") -> Exchange:
    """An exchange sent at 1 s, answered with `data` in one read at 2 s, ended at 3 s."""
    reads = [(2 * S, data)] if data else []
    return Exchange(S - MS, S, 3 * S, tape(reads), failure, detail)


def asked(*, streamed: bool = True) -> Asked:
    """A question to an OpenAI completions route."""
    return Asked(5, 1, Prompt("x" * 30, 2), "openai", "completions", streamed)


def splits(data: bytes) -> Iterator[list[bytes]]:
    """`data` in two reads, cut at every place, and then a byte at a time."""
    for cut in range(1, len(data)):
        yield [data[:cut], data[cut:]]
    yield [data[at : at + 1] for at in range(len(data))]


def cut_at(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """`data` cut at these places; pieces are never empty."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


def chunked(*payloads: bytes, tail: bytes = b"0\r\n\r\n") -> bytes:
    """A chunked body."""
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in payloads) + tail


def stream_answer(*payloads: bytes) -> bytes:
    """A whole answer with status 200 that streams these payloads as they are."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return head + chunked(*payloads)


def plain_answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole JSON answer with its length."""
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body
