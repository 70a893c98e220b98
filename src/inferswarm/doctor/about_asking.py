"""Rules about what requests can ask for: lengths, connections that stay open."""

from itertools import pairwise

from inferswarm.config.target import RequestOptions
from inferswarm.doctor.findings import Finding, Name, note, ok, problem
from inferswarm.doctor.seen import Looked, Purpose
from inferswarm.tokens import CHUNKS


def length(looked: Looked, options: RequestOptions) -> Finding | None:
    """Whether answers can be had of exactly the length that is asked for."""
    if why := looked.skipped.get(Purpose.EXACT):
        return note(Name.LENGTH, f"cannot be asked for: {why}")
    seen = looked.of(Purpose.EXACT)
    if not seen:
        return None
    wanted, record = seen[0].wanted, seen[0].record
    word = "ignore_eos" if wanted.ignore_eos else "min_output_tokens"
    asked = f"{wanted.max_output_tokens} tokens asked for with request.{word}"
    insists = options.ignore_eos or options.min_output_tokens == options.max_output_tokens
    complain = problem if insists else note
    if not seen[0].ok:
        return complain(Name.LENGTH, f"{asked}: {record.kind} ({record.detail})")
    if record.output_source == CHUNKS:
        return note(Name.LENGTH, f"{asked}: {record.output_tokens} chunks came, tokens not told")
    if record.output_tokens == wanted.max_output_tokens:
        return ok(Name.LENGTH, f"{asked}, exactly {record.output_tokens} came")
    sentence = f"{asked}, but {record.output_tokens} came"
    return complain(Name.LENGTH, sentence, "answers will differ in length; use prompts that do not")


def is_exact(looked: Looked) -> bool:
    """Whether `ignore_eos` gave exactly the length asked for, by the server's own count."""
    return any(
        one.wanted.ignore_eos
        and one.record.output_source != CHUNKS
        and one.record.output_tokens == one.wanted.max_output_tokens
        for one in looked.good(Purpose.EXACT)
    )


def keep_alive(looked: Looked, *, wanted: bool) -> Finding | None:
    """Whether the server keeps a connection after an answer, as it promises to."""
    if not any(one.ok for one in looked.seen):
        return None
    if looked.way.framing == "http2":
        return ok(Name.KEEP_ALIVE, "HTTP/2; not looked at")
    if not wanted:
        return ok(Name.KEEP_ALIVE, "not asked for: each request opens a connection")
    broken = [one for one in looked.seen if one.exchange.retries and one.record.status]
    if broken:
        return note(
            Name.KEEP_ALIVE,
            f"promised, but {len(broken)} of {len(looked.seen)} requests found the connection "
            "closed and needed another",
            "if many records say `retries`, give --no-keep-alive",
        )
    for purpose in (Purpose.STREAMED, Purpose.WHOLE):
        if any(not one.promised for one in looked.good(purpose)):
            return note(
                Name.KEEP_ALIVE,
                f"the server closes after an answer ({purpose}); each request connects anew",
                "this costs a connection's time before each request, which TTFT leaves out",
            )
    if any(one.exchange.reused for one in looked.seen):
        streamed = any(
            one.ok and one.record.streamed and after.exchange.reused
            for one, after in pairwise(looked.seen)
        )
        after = ", after streams too" if streamed else ""
        return ok(Name.KEEP_ALIVE, f"promised and kept{after}")
    return None
