"""What can be said of a set of prompts: how many, how long, how often the same."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from inferswarm.prompts import Prompt
from inferswarm.sources.choice import Count, batches, lengths_of

PERCENTILES = (1, 5, 25, 50, 75, 90, 95, 99)
HEAD_CHARS = 80
BINS = 20
_HASHES_AT_ONCE = 1 << 20


class Bin(msgspec.Struct, frozen=True):
    """Prompts of a length from `low` to `high`, both included."""

    low: int
    high: int
    count: int


class Spread(msgspec.Struct, frozen=True):
    """Lengths in one unit: their percentiles by nearest rank, and a histogram."""

    unit: str
    min: int
    mean: float
    max: int
    percentiles: dict[str, int]
    histogram: list[Bin]


class Longest(msgspec.Struct, frozen=True):
    """The longest prompt: where it stands among the prompts, and how it begins."""

    number: int
    chars: int
    head: str


class Stats(msgspec.Struct, frozen=True):
    """A set of prompts. `repeated` are those whose text an earlier one has."""

    source: str
    prompts: int
    left_out: int
    repeated: int
    with_turns: int
    longest: Longest
    lengths: list[Spread]


@dataclass(slots=True)
class Measuring:
    """Takes in prompts in bounded memory: eight bytes for each, and a count for each length."""

    hashes: "array[int]" = field(default_factory=lambda: array("Q"))
    chars: Counter[int] = field(default_factory=Counter)
    tokens: Counter[int] = field(default_factory=Counter)
    with_turns: int = 0
    longest: Longest = field(default_factory=lambda: Longest(0, -1, ""))

    def take(self, prompts: Iterable[Prompt], count: Count | None) -> Iterator[int]:
        """Take in all, a batch at a time; yields how many so far."""
        for batch in batches(prompts):
            for prompt in batch:
                self._add(prompt)
            self.tokens.update(filter(None, lengths_of(batch, count)))
            yield len(self.hashes)

    def _add(self, prompt: Prompt) -> None:
        data = msgspec.msgpack.encode((prompt.text, prompt.ids))
        self.hashes.append(int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big"))
        length = len(prompt.text)
        self.chars[length] += 1
        self.with_turns += bool(prompt.turns)
        if length > self.longest.chars:
            self.longest = Longest(len(self.hashes), length, prompt.text[:HEAD_CHARS])

    @property
    def repeated(self) -> int:
        """How many say what an earlier one said, by their hashes, a part of these at a time."""
        parts = 1 + len(self.hashes) // _HASHES_AT_ONCE
        distinct = (
            len({one for one in self.hashes if one % parts == part}) for part in range(parts)
        )
        return len(self.hashes) - sum(distinct)

    def stats(self, source: str, left_out: int) -> Stats:
        """What it comes to; there must be a prompt."""
        lengths = [spread("characters", self.chars)]
        lengths += [spread("tokens", self.tokens)] if self.tokens else []
        return Stats(
            source=source,
            prompts=len(self.hashes),
            left_out=left_out,
            repeated=self.repeated,
            with_turns=self.with_turns,
            longest=self.longest,
            lengths=lengths,
        )


def spread(unit: str, counts: Counter[int]) -> Spread:
    """Percentiles and histogram of lengths, each with how often it was met."""
    total, ordered = counts.total(), sorted(counts)
    return Spread(
        unit=unit,
        min=ordered[0],
        mean=sum(length * count for length, count in counts.items()) / total,
        max=ordered[-1],
        percentiles={f"p{share}": _percentile(counts, ordered, share) for share in PERCENTILES},
        histogram=_histogram(counts, ordered),
    )


def _percentile(counts: Counter[int], ordered: list[int], share: int) -> int:
    """The least length that at least `share` in a hundred do not exceed."""
    wanted, seen = -(-counts.total() * share // 100), 0
    for length in ordered:
        seen += counts[length]
        if seen >= wanted:
            return length
    return ordered[-1]


def _histogram(counts: Counter[int], ordered: list[int]) -> list[Bin]:
    """Bins of one width up to p99, and one for all that is longer."""
    low, high = ordered[0], _percentile(counts, ordered, 99)
    width = max(1, -(-(high - low + 1) // BINS))
    last = low + width * (-(-(high - low + 1) // width)) - 1
    held: Counter[int] = Counter()
    for length, count in counts.items():
        held[min(length - low, last + 1 - low) // width] += count
    bins = [
        Bin(at, at + width - 1, held[(at - low) // width]) for at in range(low, last + 1, width)
    ]
    if ordered[-1] > last:
        bins.append(Bin(last + 1, ordered[-1], held[(last + 1 - low) // width]))
    return bins
