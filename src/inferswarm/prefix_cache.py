"""Whether a server's prefix cache did more than the prompts of a run explain.

What can be in the cache is known: prompts that were asked before, starts that a group of prompts
shares, earlier turns of a conversation. What was in it the server tells, if it does, as the cached
tokens of each request.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import msgspec

from inferswarm.prompts import Prompt
from inferswarm.records import Record

TEMPLATE_TOKENS = 48
"""What a chat template may put before every prompt, which all requests share."""
LEAST_TOKENS = 32
"""Shorter prompts are hardly cached: servers keep whole blocks of 16 tokens or more."""
MAX_UNEXPLAINED = 0.01
"""Share of input tokens that may be cached without a reason before it is said."""
MAX_UNEXPLAINED_SALTED = 0.05
"""The same share beyond which a run of salted prompts did not measure what it was to measure."""
MAX_REPEATED = 0.05
"""Share of input tokens that may come from prompts asked before, until it is said."""
_CHARS_PER_TOKEN = 4
_MOST_INDEX = 1 << 24


class Known(msgspec.Struct, frozen=True):
    """What is known of a run's prompts before its records are read.

    `before` names an earlier run that asked the same server the same prompts.
    """

    salted: bool = False
    prefix_tokens: int = 0
    before: str = ""


@dataclass(slots=True)
class Uses:
    """How often each prompt was asked; any split of the records merges to the same."""

    counts: "array[int]" = field(default_factory=lambda: array("I"))

    def add(self, record: Record) -> None:
        """Count a request that was sent. Further turns of a conversation ask no prompt again."""
        if record.sent_ns and not record.turn and 0 <= record.prompt < _MOST_INDEX:
            missing = record.prompt + 1 - len(self.counts)
            self.counts.extend([0] * max(missing, len(self.counts) if missing > 0 else 0))
            self.counts[record.prompt] += 1

    def merge(self, other: "Uses") -> None:
        """Add all of `other`."""
        missing = len(other.counts) - len(self.counts)
        self.counts.extend([0] * max(0, missing))
        for index, count in enumerate(other.counts):
            self.counts[index] += count

    def of(self, record: Record) -> int:
        """How often the prompt of this record was asked."""
        at = record.prompt
        return self.counts[at] if 0 <= at < len(self.counts) else 0


class CacheUse(msgspec.Struct):
    """What came from the cache of the successful requests, and what could: sums of input tokens.

    `told` requests had cached tokens told: many servers tell of hits only, so that once one is told
    the others had none. `expected_tokens` are what a cache that forgets nothing would give,
    `repeated_tokens` those of them that are of prompts asked before, `unexplained_tokens` were cached
    although this run gives no reason.
    """

    requests: int = 0
    told: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    expected_tokens: int = 0
    repeated_tokens: int = 0
    unexplained_tokens: int = 0
    most_uses: int = 0

    def add(self, record: Record, uses: int, known: Known) -> None:
        """Count one record, whose prompt was asked `uses` times."""
        tokens = record.input_tokens or record.prompt_chars // _CHARS_PER_TOKEN
        if not record.ok or not tokens:
            return
        possible, repeated = _possible(record, tokens, uses, known)
        self.requests += 1
        self.input_tokens += tokens
        self.most_uses = max(self.most_uses, uses)
        if tokens >= LEAST_TOKENS:
            self.repeated_tokens += repeated
            self.expected_tokens += repeated or possible
        if record.cached_tokens is not None:
            self.told += 1
            self.cached_tokens += record.cached_tokens
            free = TEMPLATE_TOKENS if record.api == "chat" else 0
            self.unexplained_tokens += max(0, record.cached_tokens - possible - free)

    def merge(self, other: "CacheUse") -> None:
        """Add all of `other`."""
        for name in self.__struct_fields__:
            own, more = getattr(self, name), getattr(other, name)
            setattr(self, name, max(own, more) if name == "most_uses" else own + more)

    def share(self, tokens: int) -> float:
        """What part of all input tokens these are."""
        return tokens / self.input_tokens if self.input_tokens else 0.0

    def stats(self) -> "CacheStats":
        """As it is published."""
        return CacheStats(
            told_by_requests=self.told,
            cached_share=self.share(self.cached_tokens) if self.told else None,
            explained_share=self.share(self.expected_tokens),
            unexplained_share=self.share(self.unexplained_tokens) if self.told else None,
        )


class CacheStats(msgspec.Struct, frozen=True):
    """Shares of all input tokens: told as cached, what a cache could hold of this run, and neither.

    Null where no request was told of.
    """

    told_by_requests: int
    cached_share: float | None
    explained_share: float
    unexplained_share: float | None


def _possible(record: Record, tokens: int, uses: int, known: Known) -> tuple[int, int]:
    """At most so many input tokens can be cached, and so many are of a prompt asked before."""
    if record.turn:
        return tokens, 0
    if known.salted:
        return 0, 0
    if known.before:
        return tokens, tokens
    if uses > 1:
        return tokens, tokens * (uses - 1) // uses
    return min(known.prefix_tokens, tokens), 0


def findings(use: CacheUse, known: Known) -> tuple[list[str], list[str]]:
    """Reasons against a run, and warnings."""
    unexplained = use.share(use.unexplained_tokens)
    if known.salted and unexplained > MAX_UNEXPLAINED_SALTED:
        return [_unexplained(unexplained, known)], []
    warnings = [_unexplained(unexplained, known)] if unexplained > MAX_UNEXPLAINED else []
    return [], [*warnings, *_repeated(use, known)]


def _unexplained(share: float, known: Known) -> str:
    once = "each began with a salt" if known.salted else "its prompts were not asked before"
    return (
        f"{share:.0%} of the input tokens came from the server's prefix cache although {once}: "
        "something puts the same text before all of them, they begin alike, or somebody else asked "
        "them; TTFT is that of a warm cache"
    )


def _repeated(use: CacheUse, known: Known) -> list[str]:
    """What repeated prompts did, or may have done where the server tells nothing of its cache."""
    if use.share(use.repeated_tokens) <= MAX_REPEATED:
        return []
    what = f"prompts were asked up to {use.most_uses:,} times in this run"
    if known.before:
        before = f"run {known.before} asked this server the same prompts before"
        what = before if use.most_uses < 2 else f"{what}, and {before}"
    remedy = "give --salt-prompts, or more prompts"
    if not use.told:
        return [
            f"{what}: the numbers may contain prefix cache hits, the server told of none; {remedy}"
        ]
    cached = use.share(use.cached_tokens)
    if cached <= MAX_UNEXPLAINED:
        return []
    hits = f"the numbers contain prefix cache hits, {cached:.0%} of the input tokens"
    return [f"{what}: {hits}; {remedy}"]


def shared_tokens(prompts: Sequence[Prompt]) -> int:
    """How many tokens the prompts of a group have in common at most, by their lengths; 0 without one."""
    first: dict[str, Prompt] = {}
    most, seen = 0, set[str]()
    for prompt in prompts:
        if not prompt.group or prompt.group in seen:
            continue
        if prompt.group not in first:
            first[prompt.group] = prompt
            continue
        seen.add(prompt.group)
        most = max(most, _in_common(first[prompt.group], prompt))
    return most


def _in_common(one: Prompt, other: Prompt) -> int:
    if one.ids and other.ids:
        return _alike(one.ids, other.ids)
    tokens = one.input_tokens or len(one.text) // _CHARS_PER_TOKEN
    return -(-_alike(one.text, other.text) * tokens // max(1, len(one.text)))


def _alike(one: Sequence[object], other: Sequence[object]) -> int:
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False)))
