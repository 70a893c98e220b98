"""Goodput: how much of the work was good enough for the one who waited."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from inferswarm.goals.results import GoodputStats
from inferswarm.goals.values import Limit
from inferswarm.records import Record
from inferswarm.window import Measured, Work, Zones


class Goodput(msgspec.Struct):
    """Counts over any number of records; any split of them merges to the same.

    A request is good when it succeeded and is within every limit. One whose record does not tell
    what a limit is about is not known to be within it, and so not good. `zones` hold the work of
    the good ones, by the run's window; the other counts are of the requests sent since it began.
    """

    limits: tuple[Limit, ...]
    zones: Zones
    attempted: int = 0
    good: int = 0
    missed: dict[str, int] = {}
    untold: dict[str, int] = {}

    def add(self, record: Record) -> None:
        """Count one record."""
        kept = record.start_ns >= self.zones.begin_ns
        self.attempted += kept
        if not record.ok:
            return
        values = {limit: limit.value_ns(record) for limit in self.limits}
        missed = [one for one, value in values.items() if value is None or not one.holds(value)]
        if not missed:
            self.good += kept
            self.zones.add(record)
        elif kept:
            _count(self.missed, missed)
            _count(self.untold, [one for one in missed if values[one] is None])

    def add_all(self, records: Iterable[Record]) -> None:
        """Count many records."""
        for record in records:
            self.add(record)

    def merge(self, other: "Goodput") -> None:
        """Add all of `other`; raises ValueError when it has other limits or another window."""
        if other.limits != self.limits:
            raise ValueError("cannot merge goodput counted by different limits")
        self.zones.merge(other.zones)
        self.attempted += other.attempted
        self.good += other.good
        self.missed = dict(Counter(self.missed) + Counter(other.missed))
        self.untold = dict(Counter(self.untold) + Counter(other.untold))

    def stats(self, measured: Measured) -> GoodputStats:
        """What is published: rates are over the same window as the throughput."""
        seconds, work = measured.span.seconds, self._work(measured)
        return GoodputStats(
            limits=[limit.text for limit in self.limits],
            attempted=self.attempted,
            good=self.good,
            share=self.good / self.attempted if self.attempted else None,
            requests_per_s=work.succeeded / seconds if seconds else 0.0,
            output_tokens_per_s=work.output_tokens / seconds if seconds else 0.0,
            missed={limit.text: self.missed.get(limit.text, 0) for limit in self.limits},
            untold=self.untold,
        )

    def _work(self, measured: Measured) -> Work:
        """That of the good requests within the window, whose drain may have been left in."""
        work = Work()
        work.join(self.zones.load)
        if measured.window.method == "run":
            work.join(self.zones.drain)
        return work


def _count(into: dict[str, int], limits: Iterable[Limit]) -> None:
    for limit in limits:
        into[limit.text] = into.get(limit.text, 0) + 1
