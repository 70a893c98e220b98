"""Rules about good answers: how they are framed, what they say, and how much of it is told."""

from statistics import median

from inferswarm.doctor.about_server import ms
from inferswarm.doctor.findings import Finding, Name, note, ok, problem
from inferswarm.doctor.seen import Looked, Purpose, Seen
from inferswarm.doctor.texts import accumulates, framed, reasoning_field, texts
from inferswarm.timing import SERVER_SPANS, e2e_ns, ttft_ns
from inferswarm.tokens import CHUNKS

_SOURCES = {
    "server_usage": "the server's usage",
    "server_meta": "the server's meta data",
    "token_ids": "the ids of the tokens",
    CHUNKS: "counting chunks with text, for want of anything better",
}


def mode(looked: Looked, purpose: Purpose) -> Finding:
    """Whether requests of one mode are answered."""
    name = Name.STREAMED if purpose is Purpose.STREAMED else Name.WHOLE
    needed = looked.asked is purpose
    if why := looked.skipped.get(purpose):
        return note(name, f"not asked: {why}")
    seen, good = looked.of(purpose), looked.good(purpose)
    if not seen:
        return note(name, "not looked at, after what came before")
    if len(good) == len(seen):
        return ok(name, f"{len(good)} of {len(seen)} answered in full{_lengths(good, ', with ')}")
    bad = next(one.record for one in seen if not one.ok)
    said = " ".join(bad.body_head.split())[:200]
    said = f": {said}" if said and said not in bad.detail else ""
    sentence = f"{len(good)} of {len(seen)} answered; {bad.kind} ({bad.detail}){said}"
    remedy = _REMEDIES.get(bad.kind, "")
    return problem(name, sentence, remedy) if needed else note(name, sentence)


def _lengths(good: list[Seen], before: str) -> str:
    """How long answers were; empty where nobody knows."""
    if any(one.record.output_source == CHUNKS and not one.record.streamed for one in good):
        return ""
    counts = [one.record.output_tokens for one in good]
    least, most = min(counts), max(counts)
    return f"{before}{least if least == most else f'{least} to {most}'} tokens"


_REMEDIES = {
    "http_404": "check --target's path, --backend, --api and --model",
    "http_429": "the server is busy; try again when it is not",
    "http_503": "the server is not ready; see its log",
    "timeout_first_byte": "see the server's log; --limit gives it more time",
    "timeout_total": "see the server's log; --limit gives it more time",
    "bad_frame": "check --backend and --api",
    "empty": "check --api: the answer has no text where this format has it",
}


def framing(looked: Looked) -> Finding | None:
    """What separates the events of a stream, and whether they come one by one."""
    seen = looked.good(Purpose.STREAMED)
    if not seen:
        return None
    found = [framed(one.response) for one in seen]
    first, head = found[0], seen[0].response.headers
    carried = "by HTTP/2" if looked.way.framing == "http2" else _carried(head)
    sizes = [len(data) for one in found for data in one.data]
    told = f"{first.kind}, {carried}, of {min(sizes)} to {max(sizes)} bytes, {_per_read(seen)}"
    if not any(one.record.streamed for one in seen):
        return problem(Name.FRAMING, f"{told}: not a stream", "give --no-stream")
    if all(_all_at_once(one) for one in seen):
        return problem(
            Name.FRAMING,
            f"{told}: all chunks of an answer came together",
            "look for a proxy that buffers, or for an interval of streaming in the server",
        )
    if any(one.record.merged_reads for one in seen):
        return note(
            Name.FRAMING,
            f"{told}: some reads hold several chunks, whose times are one",
            "look for a proxy that buffers, or compression",
        )
    return ok(Name.FRAMING, told)


def _carried(head: dict[str, str]) -> str:
    if "chunked" in head.get("transfer-encoding", "").lower():
        return "chunked"
    return "with a length" if "content-length" in head else "until the connection closes"


def _per_read(seen: list[Seen]) -> str:
    chunks = sum(len(one.record.chunk_ns) for one in seen)
    reads = sum(len(set(one.record.chunk_ns)) for one in seen)
    return "one chunk a read" if chunks == reads else f"{chunks} chunks in {reads} reads"


def _all_at_once(seen: Seen) -> bool:
    chunks = seen.record.chunk_ns
    return len(chunks) > 1 and len(set(chunks)) == 1


def text(looked: Looked) -> Finding | None:
    """Whether events hold the new text or all so far."""
    seen = looked.good(Purpose.STREAMED)
    if not seen or looked.way.framing == "http2":
        return None
    told = accumulates(texts(framed(seen[0].response)))
    if told is None:
        return note(Name.TEXT, "too few events to tell whether each repeats the text before it")
    if told:
        return ok(Name.TEXT, "cumulative: each event repeats all text so far, which is heeded")
    return ok(Name.TEXT, "incremental: each event brings its own text only")


def echo(looked: Looked) -> Finding | None:
    """Whether answers begin with the prompt."""
    seen = looked.good(Purpose.STREAMED, Purpose.WHOLE)
    if not seen or looked.way.framing == "http2":
        return None
    for one in seen:
        said = texts(framed(one.response))
        if said and said[0].lstrip().startswith(one.prompt.strip()):
            return note(Name.ECHO, "answers begin with the prompt; it is left out of all counts")
    return ok(Name.ECHO, "answers do not repeat the prompt")


def reasoning(looked: Looked) -> Finding | None:
    """Whether a part of the answers is reasoning, and in which field."""
    for one in looked.good(Purpose.STREAMED, Purpose.WHOLE):
        if field := reasoning_field(framed(one.response)):
            record = one.record
            chunks = f"{record.reasoning_chunks} of {len(record.chunk_ns)} chunks"
            return note(Name.REASONING, f"in the field `{field}` ({chunks}); TTFO leaves it out")
    return None


def finish(looked: Looked) -> Finding | None:
    """The reasons that answers give for their end."""
    seen = looked.good(Purpose.STREAMED, Purpose.WHOLE, Purpose.EXACT)
    if not seen:
        return None
    told = sorted({one.record.finish_reason for one in seen} - {""})
    if told:
        return ok(Name.FINISH, ", ".join(told))
    return note(Name.FINISH, "answers do not tell why they end")


def tokens(looked: Looked) -> Finding | None:
    """Where counts of tokens are from, in the mode of a run and in the other."""
    seen = looked.good(Purpose.STREAMED, Purpose.WHOLE)
    if not seen:
        return None
    parts, weak = [], False
    for purpose in (Purpose.STREAMED, Purpose.WHOLE):
        for one in looked.good(purpose)[:1]:
            source = one.record.output_source
            inputs = "input and output" if one.record.input_tokens is not None else "output only"
            parts.append(f"{purpose}: by {_SOURCES.get(source, source)} ({inputs})")
            weak = weak or (source == CHUNKS and purpose is looked.asked)
    return (note if weak else ok)(Name.TOKENS, "; ".join(parts))


def per_chunk(looked: Looked) -> Finding | None:
    """How many tokens a chunk of a stream carries, as far as anybody says."""
    streams = looked.good(Purpose.STREAMED)
    if not streams:
        return None
    told = [one.record.chunk_tokens for one in streams if one.record.chunk_tokens]
    if told:
        counts = sorted({count for one in told for count in one})
        few = ", ".join(map(str, counts[:6]))
        return ok(Name.PER_CHUNK, f"told for each chunk ({few})")
    share = _tokens_of_a_chunk(streams)
    if share is None:
        return note(Name.PER_CHUNK, "not told, and no total to divide")
    told_so = any(one.record.chunk_tokens for one in looked.good(Purpose.COUNTED))
    remedy = "--set request.usage_per_chunk=true tells them" if told_so else ""
    if share <= 1:
        change = f"; if load should change that, {remedy}" if remedy else ""
        return ok(Name.PER_CHUNK, f"one: there are as many chunks as tokens{change}")
    sentence = f"{share:.2g} in the mean: totals are right, single chunks are not told apart"
    return note(Name.PER_CHUNK, sentence, remedy)


def _tokens_of_a_chunk(streams: list[Seen]) -> float | None:
    """Tokens for each chunk over all streams; None where they are chunks counted."""
    records = [one.record for one in streams if one.record.output_source != CHUNKS]
    chunks = sum(len(one.chunk_ns) for one in records)
    return sum(one.output_tokens for one in records) / chunks if chunks else None


def counting_helps(looked: Looked) -> bool:
    """Whether chunks carry several tokens, and only a running count tells how many each."""
    streams = looked.good(Purpose.STREAMED)
    several = (_tokens_of_a_chunk(streams) or 0) > 1
    already = any(one.record.chunk_tokens for one in streams)
    return (
        several
        and not already
        and any(one.record.chunk_tokens for one in looked.good(Purpose.COUNTED))
    )


def timings(looked: Looked) -> Finding | None:
    """Durations that the server tells of a request."""
    seen = looked.good(looked.asked)
    if not seen:
        return None
    told = {span for one in seen for span in one.record.server_ns}
    if told:
        return ok(Name.TIMINGS, ", ".join(span for span in SERVER_SPANS if span in told))
    return ok(Name.TIMINGS, "none told")


def cached(looked: Looked) -> Finding | None:
    """Whether the server tells how much of a prompt came from its cache."""
    seen = looked.good(looked.asked)
    if not seen:
        return None
    counts = [one.record.cached_tokens for one in seen if one.record.cached_tokens is not None]
    if counts:
        return ok(Name.CACHED, f"told: {', '.join(map(str, counts))}")
    return ok(Name.CACHED, "not told")


def times(looked: Looked) -> Finding | None:
    """The times of these few requests."""
    seen = looked.good(looked.asked)
    if not seen:
        return None
    wholes = [span for one in seen if (span := e2e_ns(one.record)) is not None]
    firsts = [span for one in seen if (span := ttft_ns(one.record)) is not None]
    first = f"TTFT {ms(median(firsts))}, " if firsts else ""
    whole = f"E2E {ms(median(wholes))}{_lengths(seen, ' for ')}"
    sentence = f"{first}{whole}, median of {len(seen)}: no benchmark"
    return ok(Name.TIMES, sentence)
