"""A start of its own for every request, so that no server finds it in its prefix cache."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

_ID_BYTES = 4
IDS = 8
"""Tokens of the salt of a prompt that is sent as token ids."""


@dataclass(frozen=True, slots=True)
class Salt:
    """What makes the requests of run `run` unlike those of any other; `ids` are those it may use."""

    run: str
    ids: tuple[int, ...] = ()

    @classmethod
    def of(cls, run: str, ids: Iterable[int]) -> "Salt":
        """A salt that uses no other token ids than these."""
        return cls(run, tuple(sorted(set(ids))))

    def text(self, k: int) -> str:
        """Goes before the text of request k: the same for the same k, and for no other."""
        return self._digest(k, 8).hex() + " "

    def token_ids(self, k: int) -> list[int]:
        """Goes before the token ids of request k."""
        if not self.ids:
            return []
        drawn = self._digest(k, IDS * _ID_BYTES)
        numbers = (
            int.from_bytes(drawn[at : at + _ID_BYTES]) for at in range(0, len(drawn), _ID_BYTES)
        )
        return [self.ids[number % len(self.ids)] for number in numbers]

    def _digest(self, k: int, size: int) -> bytes:
        return hashlib.blake2b(f"{self.run} {k}".encode(), digest_size=size).digest()
