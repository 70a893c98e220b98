"""Goodput: how much of the work was good enough for the one who waited."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from inferswarm.goals.results import GoodputStats
from inferswarm.goals.values import Limit
from inferswarm.records import Record

NS_PER_S = 1_000_000_000


class Goodput(msgspec.Struct):
    """Counts over any number of records; any split of them merges to the same.

    A request is good when it succeeded and is within every limit. One whose record does not tell
    what a limit is about is not known to be within it, and so not good.
    """

    limits: tuple[Limit, ...] = ()
    attempted: int = 0
    good: int = 0
    good_output_tokens: int = 0
    missed: dict[str, int] = {}
    untold: dict[str, int] = {}

    def add(self, record: Record) -> None:
        """Count one record."""
        self.attempted += 1
        if not record.ok:
            return
        within = [self._within(limit, record) for limit in self.limits]
        if all(within):
            self.good += 1
            self.good_output_tokens += record.output_tokens

    def add_all(self, records: Iterable[Record]) -> None:
        """Count many records."""
        for record in records:
            self.add(record)

    def merge(self, other: "Goodput") -> None:
        """Add all of `other`; raises ValueError when it was counted by other limits."""
        if other.limits != self.limits:
            raise ValueError("cannot merge goodput counted by different limits")
        self.attempted += other.attempted
        self.good += other.good
        self.good_output_tokens += other.good_output_tokens
        self.missed = dict(Counter(self.missed) + Counter(other.missed))
        self.untold = dict(Counter(self.untold) + Counter(other.untold))

    def stats(self, span_ns: int) -> GoodputStats | None:
        """What is published of a run that lasted so long; None without limits."""
        if not self.limits:
            return None
        seconds = span_ns / NS_PER_S
        return GoodputStats(
            limits=[limit.text for limit in self.limits],
            good=self.good,
            share=self.good / self.attempted if self.attempted else None,
            requests_per_s=self.good / seconds if seconds else 0.0,
            output_tokens_per_s=self.good_output_tokens / seconds if seconds else 0.0,
            missed={limit.text: self.missed.get(limit.text, 0) for limit in self.limits},
            untold=dict(self.untold),
        )

    def _within(self, limit: Limit, record: Record) -> bool:
        value_ns = limit.value_ns(record)
        if value_ns is None:
            self.untold[limit.text] = self.untold.get(limit.text, 0) + 1
        elif limit.holds(value_ns):
            return True
        self.missed[limit.text] = self.missed.get(limit.text, 0) + 1
        return False
