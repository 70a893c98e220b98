"""One run as a comparison needs it, read from its folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inferswarm.compare.blocks import GRAINS, Cut, grid
from inferswarm.compare.bootstrap import Estimate
from inferswarm.compare.cautions import Told
from inferswarm.compare.estimates import METRICS, estimates
from inferswarm.compare.values import RunFacts
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.records import Record
from inferswarm.reports import build, charts, windows
from inferswarm.reports.charts import Json
from inferswarm.scales import NS_PER_MS, NS_PER_S
from inferswarm.snapshot import Snapshot
from inferswarm.storage import Reading, RunFolder, read_records
from inferswarm.summary import Summary
from inferswarm.window import Span

CURVES = ("ttft", "itl", "e2e", "tpot")
PASSES = 3
"""A run's records are read twice for its report, and once to cut it into blocks."""
_EVERY = 1_000

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Side:
    """One run by its letter: its report's numbers, those that are compared, and its curves."""

    told: Told
    facts: RunFacts
    estimates: dict[str, Estimate]
    curves: dict[str, list[tuple[float | None, float]]]
    timeline: Json


def read_side(
    folder: RunFolder,
    label: str,
    name: str,
    seed: int,
    warmup: str | None = None,
    progress: Progress = lambda _: None,
) -> Side:
    """Read a run and draw it again; `progress` is called with the share that is done.

    The window is that of the run's own report; `warmup` stands in for the one it was started with.
    """
    run = build.mapping(folder.run)
    attempted = max(1, int(run.get("attempted") or 1))

    def share(passes: float, number: int) -> None:
        progress(min(1.0, (passes + min(1.0, number / attempted)) / (PASSES + 1)))

    built = build.build(folder, lambda number: share(0, number), warmup=warmup)
    shot, summary = built.snapshot, built.summary
    cut = Cut(grid(span_of(shot, summary), request_ns(shot, summary)), METRICS)
    cut.add_all(_counted(folder, lambda number: share(PASSES - 1, number)))
    found = estimates(cut, f"{seed}:{label}")
    progress(1.0)
    blocks = cut.grid.grains // GRAINS if summary.succeeded else 0
    return Side(
        told=Told(label, shot, blocks),
        facts=_facts(label, name, shot, cut, blocks),
        estimates=found,
        curves=_curves(summary),
        timeline=charts.timeline(summary),
    )


def span_of(shot: Snapshot, summary: Summary) -> Span:
    """The window of a report, as instants."""
    first_ns, window = summary.first_sent_ns, shot.window
    ends = (first_ns + round(end_s * NS_PER_S) for end_s in (window.begin_s, window.end_s))
    return Span(*ends)


def request_ns(shot: Snapshot, summary: Summary) -> float:
    """How long a request took in the mean: of a block of requests the least length that makes sense."""
    took = summary.metric("e2e").mean if summary.succeeded else 0.0
    lag = shot.metrics["send_lag"].mean or 0.0
    return took + lag * NS_PER_MS


def _counted(folder: RunFolder, told: Callable[[int], None]) -> Iterator[Record]:
    for number, record in enumerate(read_records(folder, Reading()), 1):
        yield record
        if number % _EVERY == 0:
            told(number)


def _facts(label: str, name: str, shot: Snapshot, cut: Cut, blocks: int) -> RunFacts:
    seconds = cut.grid.span_ns / NS_PER_S
    return RunFacts(
        label=label,
        name=name,
        id=str(shot.run.get("id", "")),
        started=str(shot.run.get("started", "")),
        simulated=shot.run.get("simulated") is True,
        valid=shot.verdict.valid,
        reasons=shot.verdict.reasons,
        window=windows.sentence(shot.window),
        requests=sum(cut.series(cut.attempted)),
        block_s=seconds / blocks if blocks else 0.0,
        blocks=blocks,
    )


def _curves(summary: Summary) -> dict[str, list[tuple[float | None, float]]]:
    found = {name: summary.metric(name) for name in CURVES}
    return {
        name: charts.curve(histogram, METRIC_BY_NAME[name].scale)
        for name, histogram in found.items()
        if histogram.count
    }
