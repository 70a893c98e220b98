"""A sweep as a person reads it in a terminal: a line for each point, and a table of all."""

from rich.table import Table
from rich.text import Text

from inferswarm.limits.loads import Axis
from inferswarm.limits.points import Point, Sweep
from inferswarm.reports.text import number
from inferswarm.snapshot import MetricStats


def line(point: Point, axis: Axis) -> str:
    """One point, as soon as it is done."""
    ttft, itl = point.metrics["ttft"], point.metrics["itl"]
    return (
        f"{axis.told(point.load):>10}  {number(point.requests_per_s)} requests/s, "
        f"{number(point.output_tokens_per_s)} tokens/s, "
        f"TTFT p50/p95/p99 {number(ttft.p50)}/{number(ttft.p95)}/{number(ttft.p99)} ms, "
        f"ITL p99 {number(itl.p99)} ms, {point.failed:,} errors: {_outcome(point)}"
    )


def table(sweep: Sweep, axis: Axis) -> Table:
    """All points; `~` marks percentiles of too few requests."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    columns = (axis.name, "requests/s", "tokens/s", "in flight")
    latencies = ("TTFT p50", "p95", "p99", "ITL p50", "p99", "E2E p50", "p95", "errors")
    for column in (*columns, *latencies):
        made.add_column(column, justify="right")
    made.add_column("goals" if sweep.slo else "verdict")
    for point in sweep.points:
        made.add_row(*_cells(point, axis), _mark(point, goals=bool(sweep.slo)))
    return made


def _outcome(point: Point) -> str:
    if point.met:
        return "met" if point.goals else "VALID"
    return f"missed {point.why_missed}" if point.goals else point.why_missed


def _mark(point: Point, *, goals: bool) -> Text:
    if point.met:
        return Text("met" if goals else "VALID", "green")
    missed = [result.goal for result in point.goals if not result.met]
    return Text(", ".join(missed) or "INVALID", "red")


def _cells(point: Point, axis: Axis) -> list[str]:
    ttft, itl, e2e = (point.metrics[name] for name in ("ttft", "itl", "e2e"))
    shown = [(ttft, "p50"), (ttft, "p95"), (ttft, "p99"), (itl, "p50"), (itl, "p99")]
    shown += [(e2e, "p50"), (e2e, "p95")]
    rates = (point.requests_per_s, point.output_tokens_per_s, point.concurrency)
    return [
        axis.told(point.load),
        *map(number, rates),
        *(_cell(stats, share) for stats, share in shown),
        f"{point.failed:,}",
    ]


def _cell(stats: MetricStats, share: str) -> str:
    return ("~" if share in stats.too_few else "") + number(getattr(stats, share))
