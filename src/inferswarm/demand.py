"""What a run was to ask for, and what became of it: arrivals due, and the length of answers."""

import msgspec

from inferswarm.records import Record
from inferswarm.tokens import CHUNKS

ALLOWED_TOKENS = 1
"""By how much an answer may miss its length: servers differ on whether the end is a token."""


class Demand(msgspec.Struct):
    """Counts over any number of records; any split of them merges to the same.

    `due` is how many arrivals were due by a schedule while the load was on, None in closed loop.
    `shortest` and `longest` are the tokens asked of each answer, 0 where nothing is asked. Answers
    are `counted` when the server told their length.
    """

    due: int | None = None
    shortest: int = 0
    longest: int = 0
    counted: int = 0
    short: int = 0
    long: int = 0
    first_k: int = -1
    first_due_ns: int = 0

    def add(self, record: Record) -> None:
        """Count one record."""
        self._remember(record.k, record.due_ns)
        if record.ok and record.output_source != CHUNKS:
            self.counted += 1
            self.short += record.output_tokens < self.shortest - ALLOWED_TOKENS
            self.long += 0 < self.longest < record.output_tokens - ALLOWED_TOKENS

    def merge(self, other: "Demand") -> None:
        """Add all of `other`; raises ValueError when it was counted by other lengths."""
        if (other.shortest, other.longest) != (self.shortest, self.longest):
            raise ValueError("cannot merge counts by different lengths")
        self.counted += other.counted
        self.short += other.short
        self.long += other.long
        if other.first_k >= 0:
            self._remember(other.first_k, other.first_due_ns)

    def _remember(self, k: int, due_ns: int) -> None:
        if self.first_k < 0 or (k, due_ns) < (self.first_k, self.first_due_ns):
            self.first_k, self.first_due_ns = k, due_ns
