"""Prompts made to measure: of exact lengths in tokens, in groups that begin alike."""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from inferswarm.config.prompts import PromptOptions
from inferswarm.draws import generator
from inferswarm.errors import InputError
from inferswarm.prompts import Prompt, made
from inferswarm.prompts.recipe import Recipe
from inferswarm.sources.lengths import Lengths, read_lengths
from inferswarm.sources.mend import Draft, mended
from inferswarm.sources.words import WORDS
from inferswarm.tokenizer import TokenizerProcess

SOURCE = "synthetic"
"""What `prompts.source` says for prompts that are made."""
_FEWEST_WORDS, _FEWEST_CHARS = 64, 8
_MOST_PIECES = 2_000
_MOST_CANDIDATES = 20_000
_BATCH = 512


class Tokens(Protocol):
    """The part of a tokenizer that is needed here."""

    @property
    def vocabulary_size(self) -> int:
        """Ids are below this."""

    @property
    def special_ids(self) -> frozenset[int]:
        """Ids that stand for no text."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has."""

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The text of each list of ids."""


@dataclass(slots=True)
class Tally:
    """How many prompts were made, and how many of them are not of the length they should have."""

    made: int = 0
    inexact: int = 0


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes prompt i from a recipe, for any i, with the lengths that the options ask for."""

    recipe: Recipe
    input_tokens: Lengths
    output_tokens: Lengths | None
    tokens: Tokens | None = None
    tally: Tally = field(default_factory=Tally)

    def prompts(
        self, count: int, watch: Callable[[int], None] = lambda _: None
    ) -> Iterator[Prompt]:
        """The first `count` prompts, in order; `watch` hears how many there are so far."""
        for first in range(0, count, _BATCH):
            plain = [self._plain(i) for i in range(first, min(first + _BATCH, count))]
            exact = plain if self.tokens is None or self.recipe.ids else self._exact(plain)
            self.tally.made += len(exact)
            yield from exact
            watch(self.tally.made)

    def _plain(self, i: int) -> Prompt:
        """Prompt i, of the length that its pieces say."""
        seed, outputs = self.recipe.seed, self.output_tokens
        prompt = made(self.recipe, i, self.input_tokens.at(i, "input", seed))
        output_tokens = None if outputs is None else outputs.at(i, "output", seed)
        known = prompt.input_tokens if self.recipe.ids else None
        return replace(prompt, output_tokens=output_tokens, input_tokens=known)

    def _exact(self, prompts: list[Prompt]) -> list[Prompt]:
        """The same prompts with texts that have their length when they are counted."""
        assert self.tokens is not None
        recipe, wanted = (
            self.recipe,
            [self.input_tokens.at(one.index, "input", self.recipe.seed) for one in prompts],
        )
        starts = self._starts(prompts)
        drafts = [
            self._draft(one.index, tokens, starts)
            for one, tokens in zip(prompts, wanted, strict=True)
        ]
        texts = mended(drafts, recipe, self.tokens.count)
        self.tally.inexact += sum(
            text.tokens != tokens for text, tokens in zip(texts, wanted, strict=True)
        )
        return [
            replace(one, text=text.text, input_tokens=text.tokens)
            for one, text in zip(prompts, texts, strict=True)
        ]

    def _starts(self, prompts: list[Prompt]) -> dict[int, str]:
        """The start that each group shares, exactly as long as it should be."""
        assert self.tokens is not None
        recipe = self.recipe
        if not recipe.prefix_tokens:
            return {}
        groups = sorted({one.index % recipe.prefix_groups for one in prompts})
        drafts = [
            Draft(group, recipe.prefix_tokens, "", recipe.drawn_pieces(group, recipe.prefix_tokens))
            for group in groups
        ]
        texts = mended(drafts, recipe, self.tokens.count)
        return {group: text.text for group, text in zip(groups, texts, strict=True)}

    def _draft(self, index: int, tokens: int, starts: dict[int, str]) -> Draft:
        """A prompt of so many pieces, which keeps the start of its group."""
        pieces = self.recipe.drawn_pieces(index, tokens)
        shared = self.recipe.prefix_tokens
        if not starts or tokens <= shared:
            return Draft(index, tokens, "", pieces)
        start = starts[index % self.recipe.prefix_groups]
        return Draft(index, tokens, start, pieces[shared:], fixed=shared)


def maker_of(options: PromptOptions, tokens: Tokens | None) -> Maker:
    """What makes the prompts that the options ask for; raises InputError for what cannot be."""
    outputs = options.output_tokens
    return Maker(
        _recipe(options, tokens),
        read_lengths(options.input_tokens, "prompts.input_tokens"),
        read_lengths(outputs, "prompts.output_tokens") if outputs else None,
        tokens,
    )


@contextlib.contextmanager
def tokens_of(options: PromptOptions) -> Iterator[TokenizerProcess | None]:
    """The tokenizer of these options in a process of its own; None where there is none."""
    if not options.tokenizer:
        yield None
        return
    with TokenizerProcess(options.tokenizer) as process:
        yield process


def check(options: PromptOptions) -> None:
    """Refuse what can be seen to be wrong before a tokenizer is loaded; raises InputError."""
    read_lengths(options.input_tokens, "prompts.input_tokens")
    if options.output_tokens:
        read_lengths(options.output_tokens, "prompts.output_tokens")
    if options.token_ids and not options.tokenizer:
        raise InputError(
            "prompts.token_ids needs prompts.tokenizer, which says what ids there are; give "
            "--tokenizer NAME, or leave out --token-ids"
        )


def notes_on(maker: Maker, options: PromptOptions) -> Iterator[str]:
    """What whoever reads the results must know of the prompts."""
    what = f"synthetic prompts: {maker.tally.made:,} of {maker.input_tokens.written}"
    if maker.tokens is None:
        yield (
            f"{what} words, since no tokenizer is given: lengths in tokens are others; --tokenizer "
            "NAME makes them exact"
        )
    elif maker.tally.inexact:
        yield (
            f"{what} tokens; {maker.tally.inexact:,} of them are not of exactly their length, because "
            f"{options.tokenizer} has no text for it; --token-ids makes all of them exact"
        )
    if options.salt and options.prefix_tokens:
        yield "synthetic prompts: with prompts.salt no two begin alike, so prefix_tokens has no effect"


def _recipe(options: PromptOptions, tokens: Tokens | None) -> Recipe:
    plain = Recipe(
        seed=options.seed, prefix_tokens=options.prefix_tokens, prefix_groups=options.prefix_groups
    )
    if tokens is None:
        return replace(plain, pieces=list(WORDS))
    if options.token_ids:
        return replace(plain, ids=_plain_ids(tokens))
    pieces, joint, exact = _pieces(tokens)
    return replace(plain, pieces=pieces, joint=joint, exact=exact)


def _plain_ids(tokens: Tokens) -> list[int]:
    """Ids of ordinary tokens, not more than a prompt needs to be like no other."""
    found = [one for one in range(tokens.vocabulary_size) if one not in tokens.special_ids]
    return found[:: -(-len(found) // _MOST_CANDIDATES)] if found else []


def _pieces(tokens: Tokens) -> tuple[list[str], str, bool]:
    """Texts of one token each, what stands between them, and whether they are that everywhere.

    Words of the vocabulary where it has enough, else characters, else any words at all.
    """
    spoken = [
        text.strip(" \u2581") for text in tokens.decode([[one] for one in _plain_ids(tokens)])
    ]
    words = _additive(tokens, _unlike(spoken, r"[a-z]{2,}"), " ")
    if len(words) >= _FEWEST_WORDS:
        return words, " ", True
    for joint in " ", "":
        chars = _additive(tokens, _unlike(spoken, r"\w"), joint)
        if len(chars) >= _FEWEST_CHARS:
            return chars, joint, _stays(tokens, chars, joint)
    return list(WORDS), " ", False


def _unlike(texts: Iterable[str], pattern: str) -> list[str]:
    return [text for text in dict.fromkeys(texts) if re.fullmatch(pattern, text)]


def _additive(tokens: Tokens, texts: list[str], joint: str) -> list[str]:
    """Those that are one token at the start, and one more wherever they follow."""
    counted = zip(
        texts,
        tokens.count(texts),
        tokens.count([joint.join([one] * 3) for one in texts]),
        strict=True,
    )
    found = [text for text, once, thrice in counted if (once, thrice) == (1, 3)]
    return found[:: -(-len(found) // _MOST_PIECES)] if found else []


def _stays(tokens: Tokens, chars: list[str], joint: str) -> bool:
    """Whether characters side by side stay a token each."""
    uniform = generator("characters")
    drawn = [chars[int(uniform() * len(chars))] for _ in range(4 * len(chars))]
    return tokens.count([joint.join(drawn)]) == [len(drawn)]
