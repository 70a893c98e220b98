"""What is asked: the `Prompt` value, its form as a line of JSON, and the seeded choice among prompts."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from inferswarm.prompts.recipe import Recipe
from inferswarm.prompts.salt import Salt

_MIX = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


class Message(msgspec.Struct, frozen=True):
    """One of the things said in a conversation; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


class Turn(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a user says next in a conversation; `answer` is what was answered when it was recorded."""

    say: str
    answer: str = ""
    output_tokens: int | None = None


class Prompt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One prompt: its text, its place in the source, and what more is known of it.

    `ids` are its tokens, sent in place of the text where the route takes them. `input_tokens` is how
    many a tokenizer counted before the run; `output_tokens` is asked of its answer, in place of
    `request.max_output_tokens`. Prompts of one `group` begin alike. `history` is what was said before;
    `turns` are what the user says after the answer, and `answer` the one that was recorded.
    """

    text: str = msgspec.field(default="", name="prompt")
    index: int = 0
    ids: list[int] = []
    input_tokens: int | None = None
    output_tokens: int | None = None
    group: str = ""
    history: list[Message] = []
    answer: str = ""
    turns: list[Turn] = []


@dataclass(frozen=True, slots=True)
class Prompts:
    """All prompts of a run, and which of them arrival k uses.

    With a `recipe` they are synthetic: used in order, and made for arrivals that have a length of
    their own. A `salt` goes before each.
    """

    all: Sequence[Prompt]
    seed: int = 0
    recipe: Recipe | None = None
    salt: Salt | None = None

    def pick(
        self, k: int, input_tokens: int | None = None, output_tokens: int | None = None
    ) -> Prompt:
        """The prompt of arrival k: the same for every run with this seed, however load is split.

        The lengths are those that a trace tells of it; only synthetic prompts can have the first.
        """
        prompt = self._unsalted(k, input_tokens)
        if output_tokens is not None:
            prompt = msgspec.structs.replace(prompt, output_tokens=output_tokens)
        return prompt if self.salt is None else salted(prompt, self.salt, k)

    def _unsalted(self, k: int, input_tokens: int | None) -> Prompt:
        if self.recipe is None:
            return self.all[_scatter(k, self.seed) % len(self.all)]
        if input_tokens is None:
            return self.all[k % len(self.all)]
        return made(self.recipe, k, input_tokens)


def made(recipe: Recipe, index: int, tokens: int) -> Prompt:
    """Synthetic prompt `index` of so many tokens, as text or as token ids."""
    return Prompt(
        text="" if recipe.ids else recipe.text(index, tokens),
        ids=recipe.drawn_ids(index, tokens) if recipe.ids else [],
        index=index,
        input_tokens=tokens,
        group=recipe.group(index),
    )


def salted(prompt: Prompt, salt: Salt, k: int) -> Prompt:
    """The prompt with a salt of request k before all else, once for a whole conversation.

    How many tokens it then has is not known.
    """
    history, text, ids = prompt.history, prompt.text, prompt.ids
    if history:
        first = Message(history[0].role, salt.text(k) + history[0].content)
        history = [first, *history[1:]]
    elif text:
        text = salt.text(k) + text
    if ids:
        ids = [*salt.token_ids(k), *ids]
    return msgspec.structs.replace(prompt, history=history, text=text, ids=ids, input_tokens=None)


def sha256_of(prompts: Iterable[Prompt]) -> str:
    """The hash of all prompts in their order, by which two runs know that they ask the same."""
    encode, found = msgspec.json.Encoder().encode, hashlib.sha256()
    for prompt in prompts:
        found.update(encode(prompt))
    return found.hexdigest()


def _scatter(k: int, seed: int) -> int:
    """A well-mixed 64-bit number of (k, seed): the finisher of splitmix64 (Steele et al. 2014)."""
    z = (k * _MIX + (seed + 1) * 0xD1B54A32D192ED03) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
