"""Which of a stream of prompts are used: those of a fitting length, and of these a seeded sample."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from msgspec.structs import replace

from inferswarm.prompts import Prompt

Count = Callable[[Sequence[str]], list[int]]
"""The lengths of texts in tokens."""
BATCH_PROMPTS = 1_000
BATCH_CHARS = 2_000_000
CHECK_ALL_OF = 100_000
"""So many prompts are all counted, which takes seconds; of more, only those that may be used."""
_Candidate = tuple[float, int, Prompt]
"""A prompt with its draw and its place in the source."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Lengths that fit, and how many prompts are kept of those that do."""

    min_tokens: int
    max_tokens: int
    most: int
    seed: int

    def fits(self, tokens: int) -> bool:
        """Whether a prompt of this length may be used."""
        return self.min_tokens <= tokens <= self.max_tokens


@dataclass(slots=True)
class Choice:
    """What was chosen, in the order of the source, and how many there were of each kind."""

    prompts: list[Prompt]
    read: int = 0
    checked: int = 0
    """Those whose length was looked at: all, or in a long source those that could be chosen."""
    short: int = 0
    long: int = 0
    unknown: int = 0
    """Of those checked: of no known length, because there was no tokenizer."""

    @property
    def fit(self) -> int:
        """How many of those checked could be chosen."""
        return self.checked - self.short - self.long


class Sample:
    """Keeps `most` of the items it is given, each with the same chance, holding no more than that.

    An item comes with a draw; those with the greatest draws are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[float, int, Prompt]] = []

    def keeps(self, draw: float) -> bool:
        """Whether an item with this draw would be kept now; if not, it would not be later either."""
        return len(self._kept) < self._most or draw > self._kept[0][0]

    def add(self, draw: float, place: int, item: Prompt) -> None:
        """One more item, by its draw and its place in the source."""
        if len(self._kept) < self._most:
            heapq.heappush(self._kept, (draw, place, item))
        elif self.keeps(draw):
            heapq.heapreplace(self._kept, (draw, place, item))

    def taken(self) -> list[Prompt]:
        """Those kept, in the order of their places."""
        in_order = sorted(self._kept, key=lambda entry: entry[1])
        return [prompt for _, _, prompt in in_order]


def choose(
    prompts: Iterable[Prompt],
    wanted: Wanted,
    count: Count | None,
    watch: Callable[[int], None] = lambda _: None,
    check_all_of: int = CHECK_ALL_OF,
) -> Choice:
    """Filter by length and sample, in one pass; each chosen prompt knows its place among them.

    Which are chosen follows from seed and content alone. Without `count` a length is known only where
    the prompt itself tells it; others fit. `watch` hears how many were read so far. After the first
    `check_all_of` prompts only those are checked that the sample would keep, which chooses the same.
    """
    choice, sample = Choice([]), Sample(wanted.most)
    draw = Random(wanted.seed).random
    candidates: list[_Candidate] = []
    chars = 0
    for place, prompt in enumerate(prompts):
        drawn = draw()
        if place < check_all_of or sample.keeps(drawn):
            candidates.append((drawn, place, prompt))
            chars += len(prompt.text)
        if len(candidates) >= BATCH_PROMPTS or chars >= BATCH_CHARS:
            _take(candidates, wanted, count, choice, sample)
            candidates, chars = [], 0
        choice.read = place + 1
        if choice.read % BATCH_PROMPTS == 0:
            watch(choice.read)
    _take(candidates, wanted, count, choice, sample)
    choice.prompts = [replace(one, index=at) for at, one in enumerate(sample.taken())]
    return choice


def _take(
    candidates: Sequence[_Candidate],
    wanted: Wanted,
    count: Count | None,
    choice: Choice,
    sample: Sample,
) -> None:
    """Check a batch, and give the sample those that fit."""
    lengths = lengths_of([prompt for _, _, prompt in candidates], count)
    for (drawn, place, prompt), tokens in zip(candidates, lengths, strict=True):
        choice.checked += 1
        if tokens is None:
            choice.unknown += 1
            sample.add(drawn, place, prompt)
        elif wanted.fits(tokens):
            sample.add(drawn, place, replace(prompt, input_tokens=tokens))
        else:
            choice.short += tokens < wanted.min_tokens
            choice.long += tokens > wanted.max_tokens


def lengths_of(batch: Sequence[Prompt], count: Count | None) -> list[int | None]:
    """Tokens of each: its own, counted, or as told by its row; None where nobody knows."""
    known = [len(prompt.ids) or None for prompt in batch]
    if count is None:
        return [ids or prompt.input_tokens for ids, prompt in zip(known, batch, strict=True)]
    texts = [prompt.text for ids, prompt in zip(known, batch, strict=True) if ids is None]
    counted = iter(count(texts) if texts else [])
    return [next(counted) if ids is None else ids for ids in known]


def batches(prompts: Iterable[Prompt]) -> Iterator[list[Prompt]]:
    """Groups of bounded number and size, as a tokenizer takes them."""
    batch: list[Prompt] = []
    chars = 0
    for prompt in prompts:
        batch.append(prompt)
        chars += len(prompt.text)
        if len(batch) >= BATCH_PROMPTS or chars >= BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch
