"""What a tokenizer is."""

from collections.abc import Sequence
from typing import Protocol


class Tokenizer(Protocol):
    """Texts to tokens and back, in batches.

    The text alone is counted: neither a start nor an end token is added, and no chat template.
    """

    @property
    def name(self) -> str:
        """As it was asked for."""

    @property
    def vocabulary_size(self) -> int:
        """Ids are below this."""

    @property
    def special_ids(self) -> frozenset[int]:
        """Ids below that stand for no text: special tokens, and numbers that no token has."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text's tokens."""

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The text of each list of ids, special tokens as they are written."""
