"""What a run is measured over: its window, and the work that was done before, in and after it.

    first sent        begin                        end            last end
        |--- warm-up ---|------- the load is on -----|--- drain ------|

The window begins when the first request is sent, or after the warm-up asked for. It ends when the
load ends: the instant from which nothing more was sent. What answers take to end after that, the
drain, is kept apart, so that a straggler cannot halve the throughput.

* Output tokens count by the arrival of their chunk, input tokens by that of the answer's first token
  (the prompt has been read then), requests by their end, concurrency by the time they overlap.
* Latencies are those of the requests sent after the warm-up, also when they end in the drain: to
  leave out whatever ends late would leave out the slow.

A load shorter than its answers (fewer than half of those sent in the window end in it) has no time
in which it was steady; then the drain is not left out.

A first pass over the records (`Scan`) finds the window, a second one (`Zones`) counts. Both hold a
bounded amount and merge: any split of the records comes to the same.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from heapq import heappush, heappushpop, nsmallest
from typing import Literal

import msgspec

from inferswarm.config.warmup import Warmup
from inferswarm.records import Record
from inferswarm.scales import NS_PER_S
from inferswarm.summary import Summary
from inferswarm.timing import tokens_upto


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin_ns` to `end_ns`, both within, as `clock.now_ns` readings."""

    begin_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_ns - self.begin_ns) / NS_PER_S


class Scan(msgspec.Struct):
    """What must be known of all records before there is a window.

    `earliest` holds the starts of the first `keep` requests, negated and as a heap.
    """

    keep: int = 0
    first_ns: int = 0
    last_ns: int = 0
    last_end_ns: int = 0
    earliest: list[int] = []

    def add(self, record: Record) -> None:
        """Take in one record."""
        start_ns = record.start_ns
        self._widen(start_ns, start_ns, max(start_ns, record.end_ns))
        self._remember(-start_ns)

    def merge(self, other: "Scan") -> None:
        """Take in what another scan with the same `keep` saw."""
        if not other.first_ns:
            return
        self._widen(other.first_ns, other.last_ns, other.last_end_ns)
        for negated in other.earliest:
            self._remember(negated)

    def load(self, told_end_ns: int | None = None) -> Span:
        """While the load was on: until the last was sent, or until it was ended as we were told."""
        end_ns = max(self.last_ns, min(told_end_ns or 0, self.last_end_ns))
        return Span(self.first_ns, end_ns)

    def start_after(self, requests: int) -> int | None:
        """When the request after the first `requests` was sent; None when there was none."""
        starts = nsmallest(requests + 1, [-negated for negated in self.earliest])
        return starts[requests] if len(starts) > requests else None

    def _widen(self, first_ns: int, last_ns: int, last_end_ns: int) -> None:
        self.first_ns = min(self.first_ns or first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns)
        self.last_end_ns = max(self.last_end_ns, last_end_ns)

    def _remember(self, negated: int) -> None:
        if len(self.earliest) < self.keep:
            heappush(self.earliest, negated)
        elif self.keep:
            heappushpop(self.earliest, negated)


def scan_for(warmup: Warmup) -> Scan:
    """A scan that remembers what this warm-up needs."""
    return Scan(keep=warmup.requests + 1 if warmup.requests else 0)


def begin(warmup: Warmup, scan: Scan, steady_ns: int | None) -> int | None:
    """When the window begins; None when the warm-up is all there was.

    `steady_ns` is when `auto` says that the run became steady; None leaves nothing out.
    """
    if warmup.auto:
        return steady_ns or scan.first_ns
    if warmup.requests:
        return scan.start_after(warmup.requests)
    begin_ns = scan.first_ns + warmup.duration_ns
    return begin_ns if begin_ns <= scan.last_ns else None


class Work(msgspec.Struct):
    """What was done in a span of time. `ended` counts failures too, the others successes alone."""

    ended: int = 0
    succeeded: int = 0
    output_tokens: int = 0
    input_tokens: int = 0
    busy_ns: int = 0

    def join(self, other: "Work") -> None:
        """Add the counts of `other`."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Zones(msgspec.Struct):
    """Work before, in and after a window; `sent_early` and `kept` count requests by when they left."""

    begin_ns: int
    end_ns: int
    warmup: Work = msgspec.field(default_factory=Work)
    load: Work = msgspec.field(default_factory=Work)
    drain: Work = msgspec.field(default_factory=Work)
    sent_early: int = 0
    kept: int = 0

    def add(self, record: Record) -> None:
        """Count one record."""
        start_ns, end_ns = record.start_ns, max(record.start_ns, record.end_ns)
        self.sent_early += start_ns < self.begin_ns
        self.warmup.busy_ns += max(0, min(end_ns, self.begin_ns) - start_ns)
        self.drain.busy_ns += max(0, end_ns - max(start_ns, self.end_ns))
        within = min(end_ns, self.end_ns) - max(start_ns, self.begin_ns)
        self.load.busy_ns += max(0, within)
        zone = self._zone(end_ns)
        zone.ended += 1
        if record.ok:
            zone.succeeded += 1
            self.kept += start_ns >= self.begin_ns
            self._add_tokens(record)

    def merge(self, other: "Zones") -> None:
        """Add all of `other`, which must have the same window."""
        if (other.begin_ns, other.end_ns) != (self.begin_ns, self.end_ns):
            raise ValueError("cannot merge counts of different windows")
        self.warmup.join(other.warmup)
        self.load.join(other.load)
        self.drain.join(other.drain)
        self.sent_early += other.sent_early
        self.kept += other.kept

    def _add_tokens(self, record: Record) -> None:
        chunks, sent_ns = record.chunk_ns, record.sent_ns
        early = tokens_upto(record, bisect_left(chunks, self.begin_ns - sent_ns))
        upto = tokens_upto(record, bisect_right(chunks, self.end_ns - sent_ns))
        self.warmup.output_tokens += early
        self.load.output_tokens += upto - early
        self.drain.output_tokens += record.output_tokens - upto
        first_ns = sent_ns + chunks[0] if chunks else record.end_ns
        self._zone(first_ns).input_tokens += record.input_tokens or 0

    def _zone(self, at_ns: int) -> Work:
        if at_ns < self.begin_ns:
            return self.warmup
        return self.load if at_ns <= self.end_ns else self.drain


class Window(msgspec.Struct, frozen=True):
    """What the numbers are of; seconds count from the first request sent.

    Throughput and concurrency are over `begin_s` to `end_s`, latencies of the requests sent since
    `begin_s`. `method` is `load` when the window ends with the load, `run` when the drain had to be
    left in. What was left out: of the latencies `requests_sent_in_warmup`, of the throughput the
    rest. `suggested_warmup_s` is what `--warmup auto` finds; null where it finds no steady state.
    """

    method: Literal["load", "run"] = "run"
    warmup: str = ""
    begin_s: float = 0.0
    end_s: float = 0.0
    run_s: float = 0.0
    requests_sent_in_warmup: int = 0
    requests_ended_in_warmup: int = 0
    requests_ended_in_drain: int = 0
    output_tokens_in_warmup: int = 0
    output_tokens_in_drain: int = 0
    suggested_warmup_s: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A window, its place in time, and the work done in it."""

    window: Window
    span: Span
    work: Work


def measured(
    zones: Zones, run: Span, warmup: str = "", suggested_ns: int | None = None
) -> Measured:
    """From what was counted; `run` goes from the first request sent to the last end."""
    with_drain = zones.load.succeeded * 2 < zones.kept or zones.end_ns <= zones.begin_ns
    work = zones.load
    if with_drain:
        work = Work()
        work.join(zones.load)
        work.join(zones.drain)
    span = Span(zones.begin_ns, run.end_ns if with_drain else zones.end_ns)
    left = Work() if with_drain else zones.drain
    window = Window(
        method="run" if with_drain else "load",
        warmup=warmup,
        begin_s=(span.begin_ns - run.begin_ns) / NS_PER_S,
        end_s=(span.end_ns - run.begin_ns) / NS_PER_S,
        run_s=run.seconds,
        requests_sent_in_warmup=zones.sent_early,
        requests_ended_in_warmup=zones.warmup.ended,
        requests_ended_in_drain=left.ended,
        output_tokens_in_warmup=zones.warmup.output_tokens,
        output_tokens_in_drain=left.output_tokens,
        suggested_warmup_s=None
        if suggested_ns is None
        else (suggested_ns - run.begin_ns) / NS_PER_S,
    )
    return Measured(window, span, work)


def so_far(summary: Summary) -> Measured:
    """Of a run that still goes, or of which only the summary is known: all of it."""
    run = Span(summary.first_sent_ns, summary.last_end_ns)
    work = Work(
        ended=summary.attempted,
        succeeded=summary.succeeded,
        output_tokens=sum(summary.output_tokens_by_source.values()),
        input_tokens=sum(summary.input_tokens_by_source.values()),
        busy_ns=round(
            sum(level for _, level in summary.timeline.concurrency())
            * summary.timeline.width_s
            * NS_PER_S
        ),
    )
    return Measured(Window(end_s=run.seconds, run_s=run.seconds), run, work)
