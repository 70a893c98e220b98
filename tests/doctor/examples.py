"""Visits made of bytes: what servers answer, as the doctor would have seen it."""

from collections.abc import Iterable
from dataclasses import replace

from inferswarm.adapters import Wanted
from inferswarm.adapters.table import route
from inferswarm.doctor.seen import Looked, Purpose, Seen, read
from inferswarm.exchange import Exchange, Outcome
from tests.builders import MS, S, chunked, plain_answer, tape

PROMPT = "Count from one:"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
WANTED = Wanted(model="m", max_output_tokens=3)
USAGE = b'{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":3}}'


def event(text: str) -> bytes:
    """One event of a completions stream."""
    return b'{"choices":[{"index":0,"text":"%s","finish_reason":null}]}' % text.encode()


EVENTS = (event(" one"), event(" two"), event(" three"))


def answered(
    pieces: Iterable[bytes],
    purpose: Purpose = Purpose.STREAMED,
    way: tuple[str, str] = ("vllm", "completions"),
    *,
    wanted: Wanted = WANTED,
    failure: Outcome | None = None,
    prompt: str = PROMPT,
    trick: str = "",
    reused: bool = False,
    retries: int = 0,
) -> Seen:
    """A request sent at 1 s whose answer came in these reads, 10 ms apart."""
    reads = [(S + (at + 1) * 10 * MS, piece) for at, piece in enumerate(pieces)]
    exchange = Exchange(S, S, 3 * S, tape(reads), failure, "detail", reused=reused, retries=retries)
    stream = purpose is not Purpose.WHOLE
    return read(exchange, purpose, replace(wanted, stream=stream), prompt, route(*way), trick)


def streamed(*events: bytes, purpose: Purpose = Purpose.STREAMED, **more: object) -> Seen:
    """A stream of these events, a read each, with its end."""
    data = [HEAD, *(b"data: %s\n\n" % one for one in (*events, b"[DONE]"))]
    pieces = [data[0], *(chunked(one, tail=b"") for one in data[1:]), b"0\r\n\r\n"]
    return answered(pieces, purpose, **more)  # type: ignore[arg-type]


def whole(body: bytes, purpose: Purpose = Purpose.WHOLE, **more: object) -> Seen:
    """A plain answer."""
    return answered([plain_answer(body)], purpose, **more)  # type: ignore[arg-type]


def status(line: bytes, body: bytes, purpose: Purpose = Purpose.STREAMED, **more: object) -> Seen:
    """A refusal."""
    return answered([plain_answer(body, line)], purpose, **more)  # type: ignore[arg-type]


GOOD = streamed(*EVENTS, USAGE)
PLAIN = whole(
    b'{"choices":[{"text":" one two","finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":4,"completion_tokens":2}}'
)


def looked(*seen: Seen, way: tuple[str, str] = ("vllm", "completions"), **more: object) -> Looked:
    """A tour that came to these answers."""
    given: dict[str, object] = {"model": "m", "stream": True, "seen": seen}
    return Looked(route(*way), **(given | more))  # type: ignore[arg-type]
