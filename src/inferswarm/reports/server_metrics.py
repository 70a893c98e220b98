"""What the server said of itself, laid under the client's curves on the page's timeline."""

from collections.abc import Sequence
from itertools import pairwise

from inferswarm.reports.charts import Json
from inferswarm.telemetry.values import Collected, Series

COLORS = ("p50", "p95", "p99", "rest", "ok")


def panels(collected: Collected, instants_ns: Sequence[float]) -> list[Json]:
    """A panel for each that the metrics name, with their values at these instants (Unix ns)."""
    by_panel: dict[str, list[Series]] = {}
    for series in collected.series:
        by_panel.setdefault(series.panel, []).append(series)
    return [_panel(title, lines, instants_ns) for title, lines in by_panel.items()]


def _panel(title: str, lines: Sequence[Series], instants_ns: Sequence[float]) -> Json:
    unit = lines[0].unit
    return {
        "title": f"{title}, {unit}" if unit else title,
        "unit": "",
        "lines": [
            {
                "name": _name(one, lines),
                "color": COLORS[number % len(COLORS)],
                "values": [value_at(one.points, at_ns) for at_ns in instants_ns],
            }
            for number, one in enumerate(lines[: len(COLORS)])
        ],
    }


def _name(series: Series, lines: Sequence[Series]) -> str:
    """Its title, with the labels that tell it from lines of the same title."""
    alike = [one for one in lines if one.title == series.title]
    telling = [name for name in series.labels if len({one.labels.get(name) for one in alike}) > 1]
    return " ".join([series.title, *(series.labels[name] for name in telling)])


def value_at(points: Sequence[tuple[int, float]], at_ns: float) -> float | None:
    """Between two points on the line through them; None before the first and after the last."""
    for (before_ns, before), (after_ns, after) in pairwise(points):
        if before_ns <= at_ns <= after_ns:
            part = (at_ns - before_ns) / (after_ns - before_ns) if after_ns > before_ns else 0.0
            return round(before + (after - before) * part, 5)
    return None
