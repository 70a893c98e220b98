"""Texts of exactly so many tokens, whatever a tokenizer makes of their words: count, mend, again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from inferswarm.draws import generator
from inferswarm.prompts.recipe import Recipe

ROUNDS = 60
"""How often a text is counted and mended at most."""
_LETTER_SHARE = 0.5
_LETTERS = list("abcdefghijklmnopqrstuvwxyz")
Count = Callable[[Sequence[str]], list[int]]


@dataclass(slots=True)
class Draft:
    """A text on its way to `wanted` tokens: `start` stays as it is, `pieces` follow and change.

    `fixed` are the tokens of the start.
    """

    number: int
    wanted: int
    start: str
    pieces: list[str]
    fixed: int = 0
    counted: int = 0


class Text(NamedTuple):
    """A text, and how many tokens it has."""

    text: str
    tokens: int


def mended(drafts: Sequence[Draft], recipe: Recipe, count: Count) -> list[Text]:
    """The drafts' texts with exactly the tokens wanted, or as near as some 60 tries come to it."""
    best: list[Text] = [Text("", -1)] * len(drafts)
    off = list(range(len(drafts)))
    for number in range(ROUNDS):
        texts = [_text(drafts[at], recipe.joint) for at in off]
        for at, text, tokens in zip(off, texts, count(texts), strict=True):
            drafts[at].counted = tokens
            if best[at].tokens < 0 or _miss(drafts[at], tokens) < _miss(
                drafts[at], best[at].tokens
            ):
                best[at] = Text(text, tokens)
        off = [at for at in off if _miss(drafts[at], best[at].tokens)]
        if not off:
            break
        for at in off:
            _change(drafts[at], recipe, number)
    return best


def _text(draft: Draft, joint: str) -> str:
    return joint.join([draft.start, *draft.pieces] if draft.start else draft.pieces)


def _miss(draft: Draft, tokens: int) -> int:
    return abs(draft.wanted - tokens)


def _change(draft: Draft, recipe: Recipe, number: int) -> None:
    """Take away pieces of a text that is too long, give some to one that is too short.

    What is less than a piece is tried for: a letter more, or another last piece.
    """
    pieces, over = draft.pieces, draft.counted - draft.wanted
    each = max(1, (draft.counted - draft.fixed) // max(1, len(pieces)))
    uniform = generator("mend", recipe.seed, draft.number, number)
    if over > 0:
        del pieces[max(0, len(pieces) - -(-over // each)) :]
        return
    missing, stock = -over // each, recipe.pieces
    if not missing and recipe.joint and uniform() < _LETTER_SHARE:
        missing, stock = 1, _LETTERS
    elif not missing and pieces:
        pieces.pop()
    pieces.extend(stock[int(uniform() * len(stock))] for _ in range(max(1, missing)))
