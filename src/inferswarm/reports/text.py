"""A run's result as a person reads it in a terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from inferswarm.exchange import Outcome, meaning
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.reports import conversations, first_token, goals, windows
from inferswarm.snapshot import MetricStats, Snapshot

SHOWN = ("ttft", "ttft_due", "itl", "tpot", "e2e", "e2e_due")


def number(value: float | None) -> str:
    """Three significant digits with thousands separated; a dash for nothing."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def result(shot: Snapshot) -> RenderableType:
    """Verdict, throughput, latencies, goals and errors."""
    parts: list[RenderableType] = [_verdict(shot), _throughput(shot)]
    if shot.requests.succeeded:
        parts.append(latencies(shot, intervals=True))
    if first := first_token.parts(shot.metrics):
        parts += [Text(), _first_token(first, shot)]
    parts += conversations.parts(shot.conversations, number)
    parts += goals.parts(shot)
    if shot.requests.failed:
        parts += [Text(), errors(shot.requests.by_outcome)]
    return Group(*parts)


def latencies(shot: Snapshot, names: tuple[str, ...] = SHOWN, *, intervals: bool = False) -> Table:
    """The main latency metrics that have values; `~` marks percentiles of too few requests.

    `intervals` adds between what the true p99 lies with 95 % confidence.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("ms")
    for column in ("mean", "p50", "p90", "p95", "p99", "max"):
        table.add_column(column, justify="right")
    if intervals:
        table.add_column("p99 (95 %)", justify="right")
    for name in names:
        stats = shot.metrics[name]
        if stats.count:
            within = [_between(stats)] if intervals else []
            table.add_row(METRIC_BY_NAME[name].title, *_cells(stats), *within)
    return table


def errors(by_outcome: dict[str, int]) -> Table:
    """Failed requests by kind, each with what it means."""
    table = Table(box=None, pad_edge=False, header_style="bold red")
    table.add_column("errors")
    table.add_column("count", justify="right")
    table.add_column("meaning")
    for kind, count in by_outcome.items():
        if kind != Outcome.OK:
            table.add_row(kind, f"{count:,}", meaning(kind))
    return table


def _verdict(shot: Snapshot) -> Text:
    verdict = shot.verdict
    text = Text("VALID", "bold green") if verdict.valid else Text("INVALID", "bold red")
    for reason in verdict.reasons:
        text.append(f"\n  - {reason}", style="default not bold")
    for warning in verdict.warnings:
        text.append(f"\n  - warning: {warning}", style="yellow not bold")
    for note in shot.run.get("notes") or ():
        text.append(f"\n  - {note}", style="dim not bold")
    return text


def _throughput(shot: Snapshot) -> Text:
    requests, rate = shot.requests, shot.throughput
    measured = f"{said}\n" if (said := windows.sentence(shot.window)) else ""
    sources = ", ".join(sorted(shot.tokens.output_by_source)) or "none"
    client = shot.client
    return Text(
        f"{requests.succeeded:,} of {requests.attempted:,} requests succeeded in "
        f"{shot.window.run_s:.1f} s; {number(rate.requests_per_s)} requests/s; mean concurrency "
        f"{number(shot.concurrency.mean)}\n"
        f"{measured}"
        f"output {number(rate.output_tokens_per_s)} tokens/s, "
        f"input {number(rate.input_tokens_per_s)} tokens/s (counted by: {sources})\n"
        f"arrival times: {client.clock or 'unknown'} clock ({client.recorder or 'unknown'} recorder)\n"
    )


def _first_token(parts: list[first_token.Part], shot: Snapshot) -> Text:
    terms = " + ".join(
        f"{part.title.lower()} {number(part.mean_ms)} ({_percent(part.share)})" for part in parts
    )
    told, streamed = shot.metrics["ttft_rest"].count, shot.metrics["ttft"].count
    return Text(f"mean ms to the first token: {terms}; server told {told:,} of {streamed:,}")


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"


def _cells(stats: MetricStats) -> list[str]:
    marked = [
        ("~" if name in stats.too_few else "") + number(getattr(stats, name))
        for name in ("p50", "p90", "p95", "p99")
    ]
    return [number(stats.mean), *marked, number(stats.max)]


def _between(stats: MetricStats) -> str:
    low_high = stats.ci95.get("p99")
    return "-" if low_high is None else f"{number(low_high[0])} to {number(low_high[1])}"
