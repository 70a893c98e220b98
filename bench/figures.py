"""From what was sampled, served and reported to figures. Pure.

The window of all costs and times, with N users that each wait for their answers:

    launch ... first request ... request N |<------ window ------>| request -N ... last answer ... end

Start-up, the first round (connections are opened), the last one and the report are outside. Both ends
are instants when a round begins: a client that reads answers only after they ended has as much of it
to do for earlier answers inside the window as it leaves undone at its end. An open loop has no rounds:
its window is all of the load, from the first request to the last.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from bench.clients.row import Reported
from bench.loads import Load
from bench.machine import Samples
from bench.truth import Served, Truth

Figures = dict[str, float]
MEMORY_SKIPPED_SHARE = 0.1
_MEMORY_UNIT = 10_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one client under one load."""

    launched_ns: int
    ended_ns: int
    samples: Samples
    truth: Truth
    reported: Sequence[Reported]


@dataclass(frozen=True, slots=True)
class Window:
    """A span of Unix nanoseconds."""

    start_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_ns - self.start_ns) / 1e9

    def has(self, instant_ns: int) -> bool:
        """Whether an instant lies in it."""
        return self.start_ns <= instant_ns < self.end_ns


def of(load: Load, run: Measured) -> Figures:
    """All figures of one run; empty when too little was answered to tell."""
    rows = run.truth.rows
    answered = [row for row in rows if row.complete]
    if not answered:
        return {}
    found = {
        "start_s": (rows[0].received_ns - run.launched_ns) / 1e9,
        "start_cpu_s": run.samples.cpu_between(run.launched_ns, rows[0].received_ns) / 1e9,
        "requests_answered": float(len(answered)),
        "requests_reported": float(len(run.reported)),
        "stamps_by_process": float(run.truth.own_stamps),
    }
    if load.kind == "start":
        return found
    if load.kind == "memory":
        return found | _memory(run, answered)
    if load.kind == "open":
        window = Window(rows[0].received_ns, rows[-1].received_ns)
        return found | _cost(load, run, window) | _accuracy(load, run, window) | lags(run)
    steady = steady_window(rows, load.users)
    if steady is None:
        return found
    return found | _cost(load, run, steady) | _accuracy(load, run, steady)


def lags(run: Measured) -> Figures:
    """How late requests of an open loop were sent, by the client, and arrived, by the server; ms.

    Requests have no common name: the n-th to be sent is taken as the n-th to arrive. Where not all
    of either side succeeded nothing can be matched, and only the client's own figure is told.
    """
    timed = [
        (one.sent_ns, one.due_ns)
        for one in run.reported
        if one.sent_ns is not None and one.due_ns is not None
    ]
    if not timed:
        return {}
    timed.sort()
    found = _lag("send", [sent_ns - due_ns for sent_ns, due_ns in timed])
    if len(timed) != len(run.truth.rows):
        return found
    arrived = zip(run.truth.rows, timed, strict=True)
    return found | _lag("arrival", [row.received_ns - due_ns for row, (_, due_ns) in arrived])


def _lag(name: str, late_ns: list[int]) -> Figures:
    late_ns.sort()
    return {f"{name}_lag_p{share}_ms": percentile(late_ns, share) / 1e6 for share in (50, 99)}


def steady_window(rows: Sequence[Served], users: int) -> Window | None:
    """From the first request of the second round to that of the last; `rows` by time of receipt."""
    if len(rows) <= 2 * users:
        return None
    return Window(rows[users].received_ns, rows[-users].received_ns)


def _cost(load: Load, run: Measured, window: Window) -> Figures:
    """CPU per unit inside the window, and what the client still had to do after the last answer."""
    rows = run.truth.rows
    chunks = sum(_tokens_within(row, window) for row in rows)
    requests = sum(window.has(row.received_ns) for row in rows)
    cpu_ns = run.samples.cpu_between(window.start_ns, window.end_ns)
    first_ns = rows[0].received_ns
    last_ns = max(row.end_ns for row in rows)
    found = {
        "core_share": cpu_ns / 1e9 / window.seconds,
        "requests_per_s": requests / window.seconds,
        "after_cpu_s": run.samples.cpu_between(last_ns, run.ended_ns) / 1e9,
    }
    if requests:
        found["cpu_us_per_request"] = cpu_ns / 1e3 / requests
    if load.stream and chunks:
        found["chunks_per_s"] = chunks / window.seconds
        found["cpu_us_per_chunk"] = cpu_ns / 1e3 / chunks
        found["chunks_per_core_s"] = chunks / (cpu_ns / 1e9) if cpu_ns else 0.0
        whole = Window(first_ns, last_ns + 1)
        all_chunks = sum(_tokens_within(row, whole) for row in rows)
        whole_ns = run.samples.cpu_between(first_ns, last_ns)
        found["cpu_us_per_chunk_whole"] = whole_ns / 1e3 / max(1, all_chunks)
    return found


def _tokens_within(row: Served, window: Window) -> int:
    times = row.token_ns
    return bisect_left(times, window.end_ns) - bisect_left(times, window.start_ns)


def _accuracy(load: Load, run: Measured, window: Window) -> Figures:
    """What was reported minus what was so, over requests of the window; milliseconds.

    A client that does not say when it sent a request is judged by all of its requests.
    """
    if not load.stream:
        return {}
    served = [row for row in run.truth.rows if row.complete and window.has(row.received_ns)]
    told = [one for one in run.reported if one.sent_ns is None or window.has(one.sent_ns)]
    if not served or not told:
        return {}
    true_ttft = sorted(row.token_ns[0] - row.received_ns for row in served)
    said_ttft = sorted(one.token_ns[0] for one in told)
    true_gaps = sorted(gap for row in served for gap in gaps(row.token_ns))
    said_gaps = sorted(gap for one in told for gap in gaps(one.token_ns))
    found = {
        "ttft_true_ms": fmean(true_ttft) / 1e6,
        "ttft_error_mean_ms": (fmean(said_ttft) - fmean(true_ttft)) / 1e6,
    }
    if true_gaps and said_gaps:
        found["itl_error_mean_ms"] = (fmean(said_gaps) - fmean(true_gaps)) / 1e6
    for share in (50, 99):
        found[f"ttft_error_p{share}_ms"] = _apart(said_ttft, true_ttft, share)
        found[f"itl_true_p{share}_ms"] = percentile(true_gaps, share) / 1e6
        found[f"itl_error_p{share}_ms"] = _apart(said_gaps, true_gaps, share)
    return found


def _apart(said: Sequence[int], true: Sequence[int], share: float) -> float:
    return (percentile(said, share) - percentile(true, share)) / 1e6


def _memory(run: Measured, answered: list[Served]) -> Figures:
    """Growth from a tenth of the answers to the last, for each 10,000 requests; MB."""
    ends = sorted(row.end_ns for row in answered)
    first = int(len(ends) * MEMORY_SKIPPED_SHARE)
    grown = run.samples.memory_at(ends[-1]) - run.samples.memory_at(ends[first])
    requests = max(1, len(ends) - first)
    return {
        "memory_growth_mb": grown / 1e6 * _MEMORY_UNIT / requests,
        "memory_max_mb": max(run.samples.memory_bytes, default=0) / 1e6,
    }


def gaps(times: Sequence[int]) -> list[int]:
    """Differences of neighbours."""
    return [late - early for early, late in pairwise(times)]


def percentile(ordered: Sequence[int], share: float) -> float:
    """The value at a share (0 to 100) of an ascending sequence: nearest rank; 0 when empty."""
    if not ordered:
        return 0.0
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))])


def medians(runs: Sequence[Figures]) -> Figures:
    """The median of each figure over the runs that have it."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: median(run[name] for run in runs if name in run) for name in names}
