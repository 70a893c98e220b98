"""Where the numbers of tokens come from, in words."""

from dataclasses import dataclass

from inferswarm.snapshot import MetricStats, Snapshot, Tokens
from inferswarm.tokens import CHUNKS, TOKENIZER

SOURCES = {
    "server_usage": "The server's own count, in the `usage` of the answer.",
    "server_meta": "The server's own count, in its headers or in what it sends beside the text.",
    "token_ids": "The ids of the tokens in the answer, counted here.",
    TOKENIZER: "The tokenizer of `prompts.tokenizer`, which counted the text alone, without special "
    "tokens: of prompts before the run, of answers after it.",
    CHUNKS: "Chunks that carried text, counted here as one token each: the server told nothing "
    "better, and one that packs several tokens into a chunk sent more.",
}
UNKNOWN = "Another version of inferswarm counted so."
PACKED_FROM = 1.05
"""Mean tokens per chunk from which it is said that a server packs; an end token alone makes less."""


@dataclass(frozen=True, slots=True)
class Source:
    """Tokens of successful requests that one source counted; shares are None where there are none."""

    name: str
    sentence: str
    output: int
    output_share: float | None
    input: int
    input_share: float | None


def sources(tokens: Tokens) -> list[Source]:
    """Each source that counted a token, the best first."""
    found = [name for name, counts in _by_name(tokens).items() if any(counts)]
    known = [name for name in SOURCES if name in found]
    return [
        Source(
            name,
            SOURCES.get(name, UNKNOWN),
            output := tokens.output_by_source.get(name, 0),
            output / tokens.output if tokens.output else None,
            read := tokens.input_by_source.get(name, 0),
            read / tokens.input if tokens.input else None,
        )
        for name in [*known, *sorted(set(found) - set(known))]
    ]


def counted_by(counts: dict[str, int]) -> str:
    """Where token counts came from, the largest share first."""
    total = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    shares = [name if n == total else f"{name} {n / total:.1%}" for name, n in ranked if n]
    return f"counted by {', '.join(shares)}" if shares else "no tokens counted"


def cautions(shot: Snapshot) -> list[str]:
    """What a reader of the token numbers should know, one sentence each; often nothing."""
    said = [_of_chunks(shot.tokens), _of_input(shot), _of_packing(shot.metrics["tokens_per_chunk"])]
    return [sentence for sentence in said if sentence]


def _by_name(tokens: Tokens) -> dict[str, tuple[int, int]]:
    names = {*tokens.output_by_source, *tokens.input_by_source}
    return {
        name: (tokens.output_by_source.get(name, 0), tokens.input_by_source.get(name, 0))
        for name in names
    }


def _of_chunks(tokens: Tokens) -> str:
    chunks = tokens.output_by_source.get(CHUNKS, 0)
    if not chunks:
        return ""
    which = (
        "All output tokens"
        if chunks == tokens.output
        else f"{chunks:,} of {tokens.output:,} output tokens"
    )
    return (
        f"{which} are only counted by chunks, because the server did not say how many there were: "
        "where a chunk holds several, the true number is higher, and so are tokens/s; TPOT and ITL "
        "are then those of a chunk."
    )


def _of_input(shot: Snapshot) -> str:
    succeeded, known = shot.requests.succeeded, shot.metrics["input_tokens"].count
    if known == succeeded:
        return ""
    return (
        f"The server did not say how long the prompts of {succeeded - known:,} of {succeeded:,} "
        "successful requests are; their input tokens count as none."
    )


def _of_packing(per_chunk: MetricStats) -> str:
    if per_chunk.mean is None or per_chunk.mean <= PACKED_FROM:
        return ""
    return (
        f"A chunk carried {per_chunk.mean:.2f} tokens in the mean: the server sends several at once, "
        "and ITL shares the gap before a chunk among its tokens."
    )
