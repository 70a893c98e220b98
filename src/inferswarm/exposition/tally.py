"""What was counted for Prometheus over a master's life: one run after another, and never backwards."""

from dataclasses import dataclass, field

from inferswarm.exposition import declared
from inferswarm.exposition.families import Buckets, Declared, Family
from inferswarm.scales import NS_PER_S
from inferswarm.summary import Summary

MOST_KINDS = 64
OTHERS = ("other", "other")


@dataclass(slots=True)
class Tally:
    """Counts of any number of runs; `counts` by metric and value of its own label, times by metric.

    `times` has for each metric the counts up to each bound and the sum in nanoseconds.
    """

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    times: dict[str, tuple[list[int], int]] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Take in another one's counts."""
        for key, count in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + count
        for metric, (upto, total_ns) in other.times.items():
            known, sum_ns = self.times.get(metric, ([0] * len(upto), 0))
            added = [one + more for one, more in zip(known, upto, strict=True)]
            self.times[metric] = added, sum_ns + total_ns


def tally_of(summary: Summary) -> Tally:
    """What a run came to so far."""
    labelled = {
        declared.REQUESTS.name: {"ok": 0, **summary.by_kind},
        declared.INPUT_TOKENS.name: summary.input_tokens_by_source,
        declared.OUTPUT_TOKENS.name: summary.output_tokens_by_source,
        declared.SENT.name: {"": summary.bytes_out},
        declared.RECEIVED.name: {"": summary.bytes_in},
        declared.RETRIES.name: {"": summary.retries},
        declared.CONNECTIONS.name: {"": summary.connections},
        declared.RUNS.name: {"": 1},
    }
    tally = Tally({(name, own): n for name, each in labelled.items() for own, n in each.items()})
    for one in declared.DISTRIBUTIONS:
        histogram = summary.metric(one.metric)
        tally.times[one.metric] = histogram.counts_upto(one.bounds_ns), histogram.total
    return tally


class Ledger:
    """The runs of a master by backend and model: those that are over added up, and the one that goes on.

    A label's value comes from outside, so that there are at most `MOST_KINDS`; further ones are
    counted together as `other`.
    """

    def __init__(self) -> None:
        self._over: dict[tuple[str, str], Tally] = {}
        self._kind = ("", "")
        self._live: Summary | None = None

    @property
    def latest(self) -> Summary:
        """The run that goes on, or the last one; an empty one before the first."""
        return self._live if self._live is not None else Summary()

    def begin(self, backend: str, model: str, summary: Summary) -> None:
        """From now on `summary`, which grows, is the run that goes on; the one before is over."""
        if self._live is not None:
            self._over.setdefault(self._kind, Tally()).add(tally_of(self._live))
        kind = (backend, model)
        full = len(self._over) >= MOST_KINDS and kind not in self._over
        self._kind, self._live = (OTHERS if full else kind), summary

    def families(self) -> list[Family]:
        """All counters and histograms."""
        tallies = self._tallies()
        found = [_counted(one, tallies) for one in declared.COUNTERS]
        return found + [_distributed(one, tallies) for one in declared.DISTRIBUTIONS]

    def _tallies(self) -> dict[tuple[str, str], Tally]:
        if self._live is None:
            return self._over
        now = tally_of(self._live)
        if self._kind in self._over:
            now.add(self._over[self._kind])
        return {**self._over, self._kind: now}


def _counted(one: Declared, tallies: dict[tuple[str, str], Tally]) -> Family:
    family, own = Family(one), one.labels[len(declared.RUN) :]
    for kind, tally in tallies.items():
        for (name, value), count in sorted(tally.counts.items()):
            if name == one.name:
                labels = dict(zip(one.labels, (*kind, value) if own else kind, strict=True))
                family.add(count, labels)
    return family


def _distributed(one: declared.Distribution, tallies: dict[tuple[str, str], Tally]) -> Family:
    family = Family(one.declared, bounds=one.bounds)
    for kind, tally in tallies.items():
        upto, total_ns = tally.times[one.metric]
        labels = dict(zip(declared.RUN, kind, strict=True))
        family.add(Buckets(tuple(upto), total_ns / NS_PER_S), labels)
    return family
