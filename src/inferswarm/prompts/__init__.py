"""What is asked: the `Prompt` value and the seeded choice among prompts."""

from collections.abc import Sequence
from dataclasses import dataclass

_MIX = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt: its place in the source, and its text."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Prompts:
    """All prompts of a run, and which of them arrival k uses."""

    texts: Sequence[str]
    seed: int = 0

    def pick(self, k: int) -> Prompt:
        """The prompt of arrival k: the same for every run with this seed, however load is split."""
        index = _scatter(k, self.seed) % len(self.texts)
        return Prompt(index, self.texts[index])


def _scatter(k: int, seed: int) -> int:
    """A well-mixed 64-bit number of (k, seed): the finisher of splitmix64 (Steele et al. 2014)."""
    z = (k * _MIX + (seed + 1) * 0xD1B54A32D192ED03) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
