"""What is asked: the `Prompt` value, its form as a line of JSON, and the seeded choice among prompts."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

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
    """All prompts of a run, and which of them arrival k uses."""

    all: Sequence[Prompt]
    seed: int = 0

    def pick(self, k: int) -> Prompt:
        """The prompt of arrival k: the same for every run with this seed, however load is split."""
        return self.all[_scatter(k, self.seed) % len(self.all)]


def _scatter(k: int, seed: int) -> int:
    """A well-mixed 64-bit number of (k, seed): the finisher of splitmix64 (Steele et al. 2014)."""
    z = (k * _MIX + (seed + 1) * 0xD1B54A32D192ED03) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
