"""A run's numbers from its records, read twice: once to find the window, once to count in it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from inferswarm import prefix_cache, steady, window
from inferswarm.arrivals import upto
from inferswarm.arrivals.build import build_arrivals
from inferswarm.config.tree import RunConfig
from inferswarm.config.warmup import parse_warmup
from inferswarm.demand import Demand
from inferswarm.errors import InputError
from inferswarm.goals.goodput import Goodput
from inferswarm.goals.values import Limit
from inferswarm.prefix_cache import CacheUse, Known, Uses
from inferswarm.records import Record
from inferswarm.steady import Steady
from inferswarm.summary import Summary
from inferswarm.verdict import of_sample
from inferswarm.window import Measured, Span, Zones

ENDED_BY_ITSELF = ("requests", "schedule")
"""Why a load ends when there is nothing left to send: it was over when the last request left."""
MARGIN_NS = 100_000_000
"""Arrivals due so shortly before somebody ended the load need not have been sent."""


@dataclass(slots=True)
class Measurement:
    """What was measured in the window, and what is to be said of it.

    `latencies` and `goodput` are of the requests sent since the window began.
    """

    measured: Measured
    latencies: Summary
    goodput: Goodput | None
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    cache: CacheUse = field(default_factory=CacheUse)


class FirstPass:
    """What all records together tell: the summary, and what is needed to choose the window."""

    def __init__(self, config: dict[str, Any], warmup: str | None = None) -> None:
        """`config` is what `config.yaml` holds; `warmup` goes before the one in it."""
        self._asked = _understood(config)
        self._warmup_text = self._asked.load.warmup if warmup is None else warmup
        self._warmup = parse_warmup(self._warmup_text)
        self._scan = window.scan_for(self._warmup)
        self._demand = _demand(self._asked)
        self._uses = Uses()
        self.summary = Summary()

    def add(self, record: Record) -> None:
        """Take in one record."""
        self.summary.add(record)
        self._scan.add(record)
        self._demand.add(record)
        self._uses.add(record)

    def demand(self, run: dict[str, Any]) -> Demand:
        """What was asked for; `run` is what `run.json` says."""
        if run.get("arrivals") and self._demand.first_k >= 0:
            self._demand.due = _due(self._asked, self._demand, _told_end_ns(run))
        return self._demand

    def second(
        self,
        records: Callable[[], Iterable[Record]],
        run: dict[str, Any],
        limits: tuple[Limit, ...] = (),
    ) -> Measurement:
        """Choose the window and count in it; `records` reads them all once more."""
        load = self._scan.load(_told_end_ns(run))
        found = self._steady(load)
        begin_ns = window.begin(self._warmup, self._scan, found.begin_ns)
        zones = Zones(load.begin_ns if begin_ns is None else begin_ns, load.end_ns)
        later = Summary() if zones.begin_ns > load.begin_ns else None
        good = Goodput(limits, Zones(zones.begin_ns, zones.end_ns)) if limits else None
        cache, known = CacheUse(), _known(self._asked, run)
        for record in records():
            zones.add(record)
            cache.add(record, self._uses.of(record), known)
            if good is not None:
                good.add(record)
            if later is not None and record.start_ns >= zones.begin_ns:
                later.add(record)
        whole = Span(self.summary.first_sent_ns, self.summary.last_end_ns)
        measured = window.measured(zones, whole, self._warmup_text, found.begin_ns)
        made = Measurement(measured, later or self.summary, good)
        self._say(made, found, load, left_nothing=begin_ns is None)
        made.cache = cache
        reasons, warnings = prefix_cache.findings(cache, known)
        made.reasons += reasons
        made.warnings += warnings
        return made

    def _steady(self, load: Span) -> Steady:
        arrivals = self._asked.arrivals
        if arrivals.stages or arrivals.trace:
            return Steady(None, "the rate of its schedule changes")
        return steady.find(self.summary.timeline, load)

    def _say(self, made: Measurement, found: Steady, load: Span, *, left_nothing: bool) -> None:
        if left_nothing and self.summary.attempted:
            made.reasons.append(
                f"nothing is left after a warm-up of {self._warmup_text}: the load was on for "
                f"{load.seconds:.1f} s with {self.summary.attempted:,} requests; so nothing was left "
                "out; load longer or give a shorter load.warmup"
            )
        if self._warmup.auto and found.begin_ns is None:
            made.warnings.append(
                f"load.warmup auto found no steady state ({found.why_not}): nothing was left out"
            )
        if made.measured.window.method == "run" and self.summary.succeeded > 1:
            made.warnings.append(
                "most requests ended after the load: throughput is over the whole run with its "
                "drain; load longer to measure a steady state"
            )
        made.warnings += of_sample(made.latencies.succeeded)


def _understood(config: dict[str, Any]) -> RunConfig:
    """What the kept configuration says of the load; the usual where it is not understood."""
    kept = {
        name: config[name]
        for name in ("load", "arrivals", "request", "prompts")
        if config.get(name)
    }
    try:
        return RunConfig.model_validate(kept)
    except ValidationError:
        return RunConfig()  # of another version, or damaged: the records are what counts


def _demand(asked: RunConfig) -> Demand:
    """The lengths asked of answers whose records do not say so; a trace asks each its own."""
    request = asked.request
    if request.stop:
        return Demand(usual=request.max_output_tokens)
    if asked.arrivals.trace is not None:
        return Demand(exact=request.ignore_eos)
    return Demand(
        least=request.min_output_tokens, usual=request.max_output_tokens, exact=request.ignore_eos
    )


def _known(asked: RunConfig, run: dict[str, Any]) -> Known:
    """What there is to know of the prompts besides the records."""
    shared, before = run.get("shared_prefix_tokens"), run.get("prompts_asked_before")
    return Known(
        salted=asked.prompts.salt,
        prefix_tokens=shared if isinstance(shared, int) else 0,
        before=before if isinstance(before, str) else "",
    )


def _told_end_ns(run: dict[str, Any]) -> int | None:
    """When the load was ended from outside; None when it came to its own end, or nobody told."""
    told = run.get("load_ended_ns")
    return told if isinstance(told, int) and run.get("reason") not in ENDED_BY_ITSELF else None


def _due(asked: RunConfig, seen: Demand, told_end_ns: int | None) -> int | None:
    """How many arrivals were due while the load was on; None when the schedule is not known."""
    load, limits = asked.load, []
    try:
        arrivals = build_arrivals(asked.arrivals)
    except InputError:
        return None  # the trace is no longer where it was
    first_due_ns = None if arrivals is None else arrivals.due(seen.first_k)
    if arrivals is None or first_due_ns is None:
        return None
    if asked.lasting is not None:
        limits.append(int(asked.lasting))
    if arrivals.ends_ns is not None:
        limits.append(arrivals.ends_ns + 1)
    if told_end_ns is not None:
        limits.append(told_end_ns - MARGIN_NS - (seen.first_due_ns - first_due_ns))
    if not limits:
        return load.requests
    due = upto(arrivals, min(limits))
    return due if load.requests is None else min(due, load.requests)
