"""What became of conversations: how many were held to their end, and how their turns compare."""

from collections.abc import Sequence

import msgspec

from inferswarm.exchange import Outcome
from inferswarm.histogram import Histogram
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.records import Record
from inferswarm.timing import client_lag_ns

BY_TURN = ("ttft", "e2e", "input_tokens")
"""The metrics that are kept for each turn."""
LAST_OWN_TURN = 3
"""This turn, counted from 0, and all later ones are one."""


class Conversations(msgspec.Struct):
    """Counts over any number of records; any split of them merges to the same.

    A conversation is `complete` when its last turn was answered well, and `failed` when a turn
    failed; what the end of the load cut is neither. `further` counts the requests of turns after the
    first, which are no arrivals, and `lag` has what the client itself delayed them. `turns` holds the
    metrics of `BY_TURN` for each turn, of good answers alone.
    """

    started: int = 0
    complete: int = 0
    failed: int = 0
    further: int = 0
    lag: Histogram = msgspec.field(default_factory=Histogram)
    turns: dict[int, dict[str, Histogram]] = {}

    def add_all(self, records: Sequence[Record]) -> None:
        """Count the records that are of conversations."""
        talks = [record for record in records if record.turns]
        if not talks:
            return
        further = [record for record in talks if record.turn]
        self.started += len(talks) - len(further)
        self.further += len(further)
        self.lag.add_all([client_lag_ns(record) for record in further if record.sent_ns])
        good = [record for record in talks if record.ok]
        self.failed += sum(not one.ok and one.outcome is not Outcome.CANCELLED for one in talks)
        self.complete += sum(record.turn + 1 == record.turns for record in good)
        for turn in range(LAST_OWN_TURN + 1):
            self._add_turn(turn, [one for one in good if min(one.turn, LAST_OWN_TURN) == turn])

    def merge(self, other: "Conversations") -> None:
        """Add all of `other`."""
        self.started += other.started
        self.complete += other.complete
        self.failed += other.failed
        self.further += other.further
        self.lag.merge(other.lag)
        for turn, metrics in other.turns.items():
            for name, histogram in metrics.items():
                self._grow(turn, name).merge(histogram)

    def _add_turn(self, turn: int, records: Sequence[Record]) -> None:
        for name in BY_TURN if records else ():
            self._grow(turn, name).add_all(*METRIC_BY_NAME[name].read(records))

    def _grow(self, turn: int, name: str) -> Histogram:
        return self.turns.setdefault(turn, {}).setdefault(name, Histogram())
