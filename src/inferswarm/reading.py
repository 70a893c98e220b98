"""From an exchange to its record: parse, read, count, judge how it ended. Pure; done off the clock."""

import itertools
from dataclasses import dataclass

import msgspec

from inferswarm.adapters import Adapter, Answer
from inferswarm.adapters.openai import OpenAI
from inferswarm.exchange import Exchange, Outcome
from inferswarm.framing import http1, http2
from inferswarm.framing.http1 import Response
from inferswarm.prompts import Prompt
from inferswarm.prompts.conversation import characters
from inferswarm.records import Record
from inferswarm.tokens import CHUNKS, best_counts

BODY_HEAD_BYTES = 400
TEXT_LIMIT = 400
ANSWER_LIMIT = 1 << 20
"""Characters of an answer that a record holds at most."""
_ECHOES = ("detail", "body_head", "answer")
_READERS = {"http1": http1.read_response, "http2": http2.read_response}
_DECIDED_BY_TRANSPORT = frozenset(
    {
        Outcome.CONNECT,
        Outcome.TLS,
        Outcome.TIMEOUT_CONNECT,
        Outcome.TIMEOUT_FIRST_BYTE,
        Outcome.TIMEOUT_IDLE,
        Outcome.TIMEOUT_TOTAL,
        Outcome.CANCELLED,
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which arrival an exchange belongs to, and what it asked; `asked_tokens` of its answer.

    `trace` is the id of its trace; empty where it has none.
    """

    k: int
    worker: int
    prompt: Prompt
    backend: str
    api: str
    streamed: bool
    epoch: int = 0
    asked_tokens: int = 0
    turn: int = 0
    turns: int = 0
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Texts:
    """Of which answers the words go into their records: of all, or of those without a told length."""

    all: bool = False
    uncounted: bool = False


NO_TEXTS = Texts()


def read_exchange(
    exchange: Exchange, asked: Asked, adapter: Adapter, texts: Texts = NO_TEXTS
) -> Record:
    """The record of one exchange; never raises, whatever the server sent."""
    tape = exchange.tape
    response = _READERS[exchange.framing](tape, closed=exchange.failure is None)
    speaks = 200 <= response.status < 300
    answer = adapter.read(response, asked.prompt.text) if speaks else Answer()
    outcome, detail = _outcome(exchange, response, answer)
    counts = best_counts(
        answer.input_tokens,
        answer.output_tokens,
        answer.count_source,
        len(answer.chunk_ns),
        _counted_before(asked.prompt),
    )
    spoken = speaks and (texts.all or (texts.uncounted and counts.output_source == CHUNKS))
    words = adapter.text(response, asked.prompt.text) if spoken else ""
    sent = exchange.sent_ns
    body_head = (
        b""
        if outcome is Outcome.OK
        else response.body[:BODY_HEAD_BYTES] or tape.data[:BODY_HEAD_BYTES]
    )
    return Record(
        k=asked.k,
        worker=asked.worker,
        epoch=asked.epoch,
        turn=asked.turn,
        turns=asked.turns,
        due_ns=exchange.due_ns,
        sent_ns=sent,
        end_ns=exchange.end_ns,
        outcome=outcome,
        backend=asked.backend,
        api=asked.api,
        streamed=answer.streamed if speaks else asked.streamed,
        asked_tokens=asked.asked_tokens,
        prompt=asked.prompt.index,
        prompt_chars=characters(asked.prompt),
        status=response.status,
        detail=detail[:TEXT_LIMIT],
        body_head=body_head.decode("utf-8", "replace"),
        finish_reason=answer.finish_reason[:TEXT_LIMIT],
        connect_ns=exchange.connect_ns,
        tls_ns=exchange.tls_ns,
        reused=exchange.reused,
        address=exchange.address,
        retries=exchange.retries,
        headers_ns=None if response.head_ns is None else response.head_ns - sent,
        first_byte_ns=tape.arrived_ns[0] - sent if tape.arrived_ns else None,
        chunk_ns=[at - sent for at in answer.chunk_ns],
        chunk_tokens=answer.chunk_tokens,
        reasoning_chunks=answer.reasoning_chunks,
        server_ns=answer.server_ns,
        cached_tokens=answer.cached_tokens,
        input_tokens=counts.input_tokens,
        input_source=counts.input_source,
        output_tokens=counts.output_tokens,
        output_source=counts.output_source,
        answer=words[:ANSWER_LIMIT],
        bytes_out=exchange.bytes_out,
        bytes_in=len(tape.data),
        reads=len(tape.ends),
        unstamped_reads=tape.unstamped,
        merged_reads=max(tape.merged, _reads_of_several(answer.chunk_ns)),
        trace=asked.trace,
    )


def reply_in(exchange: Exchange, asked: Asked, adapter: Adapter) -> str:
    """The words of a good answer as a client repeats them in the next turn: without the reasoning."""
    response = _READERS[exchange.framing](exchange.tape, closed=exchange.failure is None)
    if isinstance(adapter, OpenAI):
        return adapter.reply(response)
    return adapter.text(response, asked.prompt.text)


def without_secrets(record: Record, secrets: tuple[str, ...]) -> Record:
    """The record with what a server echoed of a request's headers hidden."""
    told = {name: getattr(record, name) for name in _ECHOES}
    hidden = {name: _hidden(text, secrets) for name, text in told.items()}
    return record if hidden == told else msgspec.structs.replace(record, **hidden)


def _hidden(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _counted_before(prompt: Prompt) -> int | None:
    """A tokenizer's count of what is sent; that of the text alone is none where a history goes along."""
    return None if prompt.history else prompt.input_tokens


def _reads_of_several(chunk_ns: list[int]) -> int:
    """Reads that brought more than one chunk of tokens: all but the last of these have a bound."""
    if len(set(chunk_ns)) == len(chunk_ns):
        return 0
    return sum(len(list(together)) > 1 for _, together in itertools.groupby(chunk_ns))


def _outcome(exchange: Exchange, response: Response, answer: Answer) -> tuple[Outcome, str]:
    """How it ended, and a sentence on why; the first cause that applies, in this order."""
    if exchange.failure in _DECIDED_BY_TRANSPORT:
        return exchange.failure, exchange.detail
    if response.error:
        return Outcome.BAD_FRAME, f"not HTTP: {response.error}"
    if response.status and not 200 <= response.status < 300:
        return Outcome.HTTP_STATUS, f"HTTP {response.status}"
    if answer.error:
        return Outcome.STREAM_ERROR, answer.error
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity" and not answer.chunk_ns:
        return Outcome.BAD_FRAME, f"the answer is encoded ({encoding}) although identity was asked"
    if answer.bad_frame:
        return Outcome.BAD_FRAME, answer.bad_frame
    if not response.complete or not answer.ended:
        return Outcome.TRUNCATED, exchange.detail or "the answer stopped without its end"
    if not answer.chunk_ns:
        return Outcome.EMPTY, "the answer carried no token"
    return Outcome.OK, ""
