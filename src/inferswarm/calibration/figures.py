"""What the client reported beside what the simulator's own log says, request by request. Pure.

Start-up is left out: a `Window` is the part of a step in which all users were at work.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import fmean

import msgspec

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.exchange import Outcome
from inferswarm.records import Record
from inferswarm.scales import NS_PER_MS, NS_PER_S
from inferswarm.simulator import pacing
from inferswarm.simulator.truth import TruthRow
from inferswarm.timing import e2e_ns, ttft_ns

MATCH_WITHIN_NS = 20 * NS_PER_MS
"""How far sent (client) and accepted (server) may lie apart: the clocks of two processes."""
LEAST_MATCHED_SHARE = 0.99

Pair = tuple[Record, TruthRow]
Values = list[tuple[int, int]]
"""(reported, true) of single measurements, in nanoseconds."""


class Window(msgspec.Struct, frozen=True):
    """A span of instants."""

    start_ns: int
    end_ns: int

    def has(self, instant_ns: int) -> bool:
        """Whether an instant lies in it."""
        return self.start_ns <= instant_ns < self.end_ns


class Figure(msgspec.Struct, frozen=True):
    """One metric's truth and the error of what was reported, in milliseconds.

    `mean_error`, `p50_error`, `p99_error`: the figure that was reported minus the true one.
    `single_error_p99`: of single measurements, each beside its own truth, 99 % were less far off.
    """

    count: int
    true_mean: float
    true_p50: float
    true_p99: float
    mean_error: float
    p50_error: float
    p99_error: float
    single_error_p99: float

    @property
    def worst_share(self) -> float:
        """The largest of the three errors as a share of its true value."""
        return max(
            abs(error) / true if true else float(error != 0)
            for error, true in (
                (self.mean_error, self.true_mean),
                (self.p50_error, self.true_p50),
                (self.p99_error, self.true_p99),
            )
        )


class Figures(msgspec.Struct, frozen=True):
    """One step: metrics by name, the rates of its busiest second, and how the server kept its pace."""

    metrics: dict[str, Figure]
    tokens_per_s: float
    requests_per_s: float
    server_late_p99_ms: float
    failed: dict[str, int]
    unmatched: int
    matched: int

    @property
    def worst(self) -> tuple[float, str]:
        """(share of the true value, metric) of the largest error; without any measurement infinite."""
        shares = [(figure.worst_share, name) for name, figure in self.metrics.items()]
        return max(shares, default=(float("inf"), ""))

    @property
    def trouble(self) -> str:
        """Why the step proves nothing good whatever its errors; empty when it may."""
        if self.failed:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.failed.items())
            return f"requests failed: {kinds}"
        if self.matched < LEAST_MATCHED_SHARE * (self.matched + self.unmatched):
            return f"{self.unmatched} answers are not those of the simulator's log"
        return "" if self.metrics else "no answer was measured"


def of(
    records: Iterable[Record],
    rows: Iterable[TruthRow],
    options: SimulatorOptions,
    window: Window,
) -> Figures:
    """All figures of one step; `options` is the pace that the simulator was asked for."""
    records, rows = list(records), list(rows)
    asked = [record for record in records if record.sent_ns]
    pairs = list(match(asked, rows))
    good = [pair for pair in pairs if _agree(*pair)]
    metrics = {name: read(good, window) for name, read in _READ.items()}
    return Figures(
        metrics={name: figure(values) for name, values in metrics.items() if values},
        tokens_per_s=_busiest((at for row in rows for at in row.token_ns), window),
        requests_per_s=_busiest((row.end_ns for row in rows if row.token_ns), window),
        server_late_p99_ms=percentile(sorted(_late(rows, options, window)), 99) / NS_PER_MS,
        failed=dict(sorted(Counter(record.kind for record in records if _failed(record)).items())),
        unmatched=sum(record.ok for record in asked) - sum(pair[0].ok for pair in good),
        matched=sum(pair[0].ok for pair in good),
    )


def match(records: Sequence[Record], rows: Iterable[TruthRow]) -> Iterator[Pair]:
    """Each record with the log's row of the same request.

    The log knows a request's time and the length of its prompt. One worker sends one request after
    the other, so those of one length have the same order on both sides, and lie so far apart (with
    prompts of many lengths) that a clock which was set in between confuses none.
    What only one side knows (cut at the end) is passed over.
    """
    length_of = {record.prompt: record.input_tokens for record in records if record.ok}
    served: dict[int | None, deque[TruthRow]] = defaultdict(deque)
    for row in sorted(rows, key=lambda row: row.accepted_ns):
        served[row.prompt_tokens].append(row)
    for record in sorted(records, key=lambda record: record.sent_ns):
        waiting = served[length_of.get(record.prompt)]
        while waiting and waiting[0].accepted_ns < record.sent_ns - MATCH_WITHIN_NS:
            waiting.popleft()
        if waiting and waiting[0].accepted_ns <= record.sent_ns + MATCH_WITHIN_NS:
            yield record, waiting.popleft()


def figure(values: Values) -> Figure:
    """Truth and errors of one metric; `values` must not be empty."""
    said, true = (sorted(side) for side in zip(*values, strict=True))
    singles = sorted(abs(one - other) for one, other in values)

    def apart(share: float) -> float:
        return (percentile(said, share) - percentile(true, share)) / NS_PER_MS

    return Figure(
        count=len(values),
        true_mean=fmean(true) / NS_PER_MS,
        true_p50=percentile(true, 50) / NS_PER_MS,
        true_p99=percentile(true, 99) / NS_PER_MS,
        mean_error=(fmean(said) - fmean(true)) / NS_PER_MS,
        p50_error=apart(50),
        p99_error=apart(99),
        single_error_p99=percentile(singles, 99) / NS_PER_MS,
    )


def percentile(ordered: Sequence[int], share: float) -> float:
    """The value at a share (0 to 100) of an ascending sequence: nearest rank; 0 when empty."""
    if not ordered:
        return 0.0
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))])


def _failed(record: Record) -> bool:
    return record.outcome not in (Outcome.OK, Outcome.CANCELLED)


def _agree(record: Record, row: TruthRow) -> bool:
    """Whether a whole answer has as many tokens as were written; one that was cut may lack some."""
    return not record.ok or not record.streamed or len(record.chunk_ns) == len(row.token_ns)


def _ttft(pairs: Iterable[Pair], window: Window) -> Values:
    return [
        (said, row.token_ns[0] - row.accepted_ns)
        for record, row in pairs
        if window.has(record.sent_ns) and row.token_ns and (said := ttft_ns(record)) is not None
    ]


def _itl(pairs: Iterable[Pair], window: Window) -> Values:
    return [
        (said[1] - said[0], true[1] - true[0])
        for record, row in pairs
        if record.streamed
        for said, true in zip(pairwise(record.chunk_ns), pairwise(row.token_ns), strict=False)
        if window.has(true[1])
    ]


def _e2e(pairs: Iterable[Pair], window: Window) -> Values:
    """Only of answers that were not streamed: the last token of the others is within TTFT and ITL."""
    return [
        (said, row.token_ns[-1] - row.accepted_ns)
        for record, row in pairs
        if record.ok and not record.streamed and window.has(record.sent_ns) and row.token_ns
        if (said := e2e_ns(record)) is not None
    ]


_READ: dict[str, Callable[[Iterable[Pair], Window], Values]] = {
    "ttft": _ttft,
    "itl": _itl,
    "e2e": _e2e,
}


def _busiest(instants: Iterable[int], window: Window) -> float:
    """The most that fell into one whole second of the window."""
    whole = (window.end_ns - window.start_ns) // NS_PER_S
    seconds = Counter((at - window.start_ns) // NS_PER_S for at in instants)
    return float(max((n for second, n in seconds.items() if 0 <= second < whole), default=0))


def _late(rows: Iterable[TruthRow], options: SimulatorOptions, window: Window) -> Iterator[int]:
    """How much later than due each token left the simulator."""
    for row in rows:
        rng = pacing.draws(options, row.request)
        pacing.fate(options, rng)  # the first draw of a request is not of its pace
        offsets = pacing.due_offsets_ns(options, rng, row.prompt_tokens - row.cached_tokens)
        due_ns = list(zip(offsets, row.token_ns, strict=False))
        for offset_ns, at in due_ns if row.stream else due_ns[-1:]:
            if window.has(at):
                yield at - row.started_ns - offset_ns
