"""Durations of one request, from its record. Definitions and their sources: `docs/metrics.md`.

    due ---- sent ---- first chunk ---- chunk ... chunk ---- end
     |        |<- ttft ->|<------ gaps (itl) ------>|
     |        |<------------------ e2e ------------>|
     |<------ ttft_due ->|
     |<---------------------- e2e_due ------------->|

All results are integer nanoseconds, or None where the record does not tell.
"""

from collections.abc import Iterable, Iterator
from itertools import repeat
from operator import sub

from inferswarm.records import Record

SERVER_SPANS = {
    "queue": "Waiting for the model to take the request up.",
    "prefill": "From taken up to the first token.",
    "decode": "From the first token to the last.",
    "total": "From received to answered.",
}
"""Durations that some servers tell of a request, and what each is called here."""


def ttft_ns(record: Record) -> int | None:
    """From sent to the first token of any kind; None for answers that were not streamed."""
    return record.chunk_ns[0] if record.streamed and record.chunk_ns else None


def ttft_due_ns(record: Record) -> int | None:
    """From due to the first token: what a user waited, whatever delayed the sending."""
    first = ttft_ns(record)
    return None if first is None else first + send_lag_ns(record)


def ttfo_ns(record: Record) -> int | None:
    """From sent to the first token of the answer proper, after any reasoning."""
    answer = record.chunk_ns[record.reasoning_chunks :]
    return answer[0] if record.streamed and answer else None


def ttft_rest_ns(record: Record) -> int | None:
    """TTFT less what the server says of queue and prefill: network, its front end, its tokenizer."""
    first, told = ttft_ns(record), record.server_ns
    if first is None or not ("queue" in told or "prefill" in told):
        return None
    return max(0, first - told.get("queue", 0) - told.get("prefill", 0))


def e2e_ns(record: Record) -> int | None:
    """From sent to the last chunk that carried tokens."""
    return record.chunk_ns[-1] if record.chunk_ns else None


def e2e_due_ns(record: Record) -> int | None:
    """From due to the last chunk that carried tokens."""
    last = e2e_ns(record)
    return None if last is None else last + send_lag_ns(record)


def send_lag_ns(record: Record) -> int:
    """From due to sent."""
    return record.start_ns - record.due_ns


def client_lag_ns(record: Record) -> int:
    """From due to sent without the opening of a connection: what the client itself added."""
    return send_lag_ns(record) - (record.connect_ns or 0) - (record.tls_ns or 0)


def tpot_ns(record: Record) -> int | None:
    """Mean time of each token after the first; None below two tokens or without a stream."""
    if not record.streamed or record.output_tokens < 2 or not record.chunk_ns:
        return None
    return (record.chunk_ns[-1] - record.chunk_ns[0]) // (record.output_tokens - 1)


def ntpot_ns(record: Record) -> int | None:
    """End-to-end time divided by output tokens."""
    last = e2e_ns(record)
    return None if last is None or not record.output_tokens else last // record.output_tokens


def chunk_weights(record: Record) -> list[int]:
    """Tokens carried by each chunk of `chunk_ns`.

    Where the server did not say it chunk by chunk, its total is spread evenly, so that the weights
    sum to `output_tokens`; a chunk may then count for no token.
    """
    if len(record.chunk_tokens) == len(record.chunk_ns) > 0:
        return record.chunk_tokens
    chunks, tokens = len(record.chunk_ns), record.output_tokens
    if tokens == chunks:
        return [1] * chunks
    return [(i + 1) * tokens // chunks - i * tokens // chunks for i in range(chunks)]


def tokens_upto(record: Record, chunks: int) -> int:
    """Tokens that the first `chunks` of `chunk_ns` carried; without counts of chunks, an even share."""
    if record.chunk_tokens:
        return sum(record.chunk_tokens[:chunks])
    return chunks * record.output_tokens // len(record.chunk_ns) if record.chunk_ns else 0


def gaps_ns(records: Iterable[Record]) -> tuple[list[int], list[int]]:
    """(time for each token, tokens) of every gap between two chunks of the streams among `records`.

    A chunk of n tokens after a gap g gives n times g/n; a chunk that counts for no token adds its
    gap to the next one's. The weighted mean over a request is thus its TPOT when the first chunk
    carried one token. The second list is empty when every chunk carried one token.
    """
    times: list[int] = []
    tokens: list[int] = []
    for record in records:
        if not record.streamed:
            continue
        chunks = record.chunk_ns
        if not record.chunk_tokens and record.output_tokens == len(chunks):
            times.extend(map(sub, chunks[1:], chunks))
            if tokens:
                tokens.extend(repeat(1, len(times) - len(tokens)))
            continue
        tokens.extend(repeat(1, len(times) - len(tokens)))
        for gap, carried in _shared_gaps(record):
            times.append(gap)
            tokens.append(carried)
    return times, tokens


def _shared_gaps(record: Record) -> Iterator[tuple[int, int]]:
    """(time for each token, tokens) of the gaps of one stream."""
    since = record.chunk_ns[0] if record.chunk_ns else 0
    for at, tokens in zip(record.chunk_ns[1:], chunk_weights(record)[1:], strict=True):
        if tokens:
            yield (at - since) // tokens, tokens
            since = at
