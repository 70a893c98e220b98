"""What a run was to ask for, and what became of it: arrivals due, and the length of answers."""

import msgspec

from inferswarm.records import Record
from inferswarm.tokens import CHUNKS

ALLOWED_TOKENS = 1
"""By how much an answer may miss its length: servers differ on whether the end is a token."""


class Demand(msgspec.Struct):
    """Counts over any number of records; any split of them merges to the same.

    `due` is how many arrivals were due by a schedule while the load was on, None in closed loop.
    `least` tokens were asked of every answer, and no more than `usual`, where its record does not say
    otherwise; 0 is no bound. With `exact`, an answer was asked to be as long as it may be. `shortest`
    and `longest` are what was asked at most of the answers with that bound, as far as they are known.
    Answers are `counted` when the server told their length.
    """

    due: int | None = None
    least: int = 0
    usual: int = 0
    exact: bool = False
    shortest: int = 0
    longest: int = 0
    counted: int = 0
    short: int = 0
    long: int = 0
    first_k: int = -1
    first_due_ns: int = 0

    def add(self, record: Record) -> None:
        """Count one record."""
        if not record.turn:
            self._remember(record.k, record.due_ns)
        if not record.ok or record.output_source == CHUNKS:
            return
        most = record.asked_tokens or self.usual
        least = most if self.exact else min(self.least, most or self.least)
        self.counted += 1
        self.short += record.output_tokens < least - ALLOWED_TOKENS
        self.long += 0 < most < record.output_tokens - ALLOWED_TOKENS
        if most:
            self._widen(most, most)

    def merge(self, other: "Demand") -> None:
        """Add all of `other`; raises ValueError when it was counted by other lengths."""
        if other.asked != self.asked:
            raise ValueError("cannot merge counts by different lengths")
        self.counted += other.counted
        self.short += other.short
        self.long += other.long
        if other.longest:
            self._widen(other.shortest, other.longest)
        if other.first_k >= 0:
            self._remember(other.first_k, other.first_due_ns)

    @property
    def asked(self) -> tuple[int, int, bool]:
        """What holds of answers whose records do not say more."""
        return self.least, self.usual, self.exact

    def _widen(self, shortest: int, longest: int) -> None:
        self.shortest = min(self.shortest or shortest, shortest)
        self.longest = max(self.longest, longest)

    def _remember(self, k: int, due_ns: int) -> None:
        if self.first_k < 0 or (k, due_ns) < (self.first_k, self.first_due_ns):
            self.first_k, self.first_due_ns = k, due_ns
