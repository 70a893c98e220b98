"""A run cut into stretches of time, so that what belongs together is drawn together.

    begin |g g g g|g g g g|g g g g| ... end        g: a grain, four of them as long as a block

What is measured close in time is alike: the gaps of one answer, the answers that shared the server, and
whatever the server was busy with for a while. So not values are drawn again, but blocks of requests that
followed one another, each request with all its values. A run has 16 blocks, which is few, so that they
are long; fewer where a request lasts longer than that. A block may begin at every grain.

A request belongs to the grain in which it started, an end or a token to the one in which it came.
Memory is bounded by the number of grains.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from inferswarm.histogram import Histogram
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.records import Record
from inferswarm.timing import tokens_upto
from inferswarm.window import Span

GRAINS = 4
"""Grains of a block."""
BLOCKS = 16
_PENDING = 512


@dataclass(frozen=True, slots=True)
class Grid:
    """The borders of the grains in a span; the last one belongs to the last grain."""

    edges: tuple[int, ...]

    @property
    def grains(self) -> int:
        """How many there are."""
        return len(self.edges) - 1

    @property
    def span_ns(self) -> int:
        """From the begin of the first to the end of the last."""
        return self.edges[-1] - 1 - self.edges[0]

    def of(self, at_ns: int) -> int:
        """The grain of an instant; -1 before the first, their number after the last."""
        return bisect_right(self.edges, at_ns) - 1


def grid(span: Span, request_ns: float) -> Grid:
    """The grains of a span in which a request took `request_ns` in the mean."""
    whole_ns = span.end_ns - span.begin_ns
    fit = int(whole_ns / request_ns) if request_ns else BLOCKS
    count = GRAINS * max(1, min(BLOCKS, fit))
    edges = [span.begin_ns + whole_ns * i // count for i in range(count)]
    return Grid((*edges, span.end_ns + 1))


@dataclass(slots=True)
class Cut:
    """What was counted in each grain of a run's window.

    `latencies` have the histograms of each metric, of the successful requests that started in the
    grain; `attempted` and `failed` are by the start too. `succeeded` and `output_tokens` are by when
    they came.
    """

    grid: Grid
    metrics: tuple[str, ...]
    latencies: dict[str, dict[int, Histogram]] = field(default_factory=dict)
    succeeded: dict[int, int] = field(default_factory=dict)
    output_tokens: dict[int, int] = field(default_factory=dict)
    attempted: dict[int, int] = field(default_factory=dict)
    failed: dict[int, int] = field(default_factory=dict)
    _pending: dict[int, list[Record]] = field(default_factory=dict)
    _waiting: int = 0

    def add_all(self, records: Iterable[Record]) -> None:
        """Count all records of a run, in any order."""
        for record in records:
            self._add(record)
        self._count_pending()

    def series(self, counts: dict[int, int]) -> list[int]:
        """One of the counts for every grain of the window."""
        return [counts.get(grain, 0) for grain in range(self.grid.grains)]

    @property
    def started(self) -> int:
        """Grains from the first to the last in which a request of the window started."""
        return max(self.attempted, default=-1) + 1

    def histograms(self, metric: str) -> list[Histogram]:
        """Of each grain in which a request of the window may have started."""
        found = self.latencies.get(metric, {})
        return [found.get(grain, Histogram()) for grain in range(self.started)]

    def _add(self, record: Record) -> None:
        grain = self.grid.of(record.start_ns)
        _count(self.attempted, grain, 1)
        if not record.ok:
            _count(self.failed, grain, 1)
            return
        self._count_work(record)
        if grain >= 0:
            self._pending.setdefault(grain, []).append(record)
            self._waiting += 1
            if self._waiting >= _PENDING:
                self._count_pending()

    def _count_work(self, record: Record) -> None:
        _count(self.succeeded, self.grid.of(max(record.start_ns, record.end_ns)), 1)
        chunks, edges = record.chunk_ns, self.grid.edges
        counted, done = 0, 0
        while done < len(chunks):
            grain = self.grid.of(record.sent_ns + chunks[done])
            if grain == self.grid.grains:
                break
            done = bisect_left(chunks, edges[grain + 1] - record.sent_ns, done)
            upto = tokens_upto(record, done)
            _count(self.output_tokens, grain, upto - counted)
            counted = upto

    def _count_pending(self) -> None:
        """Many at once cost less than one after the other."""
        for name in self.metrics:
            read, by_grain = METRIC_BY_NAME[name].read, self.latencies.setdefault(name, {})
            for grain, records in self._pending.items():
                by_grain.setdefault(grain, Histogram()).add_all(*read(records))
        self._pending.clear()
        self._waiting = 0


def _count(counts: dict[int, int], grain: int, more: int) -> None:
    counts[grain] = counts.get(grain, 0) + more
