"""What a sweep or a search leaves beside its runs: `sweep.json`, `sweep.csv` and the page."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import msgspec

from inferswarm.goals.quantities import QUANTITIES
from inferswarm.limits.points import Point, Sweep
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.reports.charts import Json
from inferswarm.reports.fill import fill
from inferswarm.storage import write_file

JSON, CSV, PAGE = "sweep.json", "sweep.csv", "sweep.html"
QUANTILES = ("p50", "p95", "p99")
CHARTS = {"ttft": QUANTILES, "itl": ("p50", "p99"), "e2e": QUANTILES}
COUNTS = (
    *("load", "valid", "met", "attempted", "succeeded", "failed", "duration_s"),
    *("requests_per_s", "output_tokens_per_s", "concurrency"),
)
FACTS = {
    "target": "Target",
    "backend": "Backend",
    "api": "API",
    "model": "Model",
    "duration": "Each point",
    "warmup": "Warm-up",
    "workers": "Workers",
    "started": "Started",
}


def write(folder: Path, sweep: Sweep) -> None:
    """Write all three; raises StorageError naming what could not be written."""
    encoded = msgspec.json.encode(sweep)
    write_file(folder / JSON, msgspec.json.format(encoded, indent=2) + b"\n")
    write_file(folder / CSV, to_csv(sweep).encode())
    write_file(folder / PAGE, render(sweep).encode())


def to_csv(sweep: Sweep) -> str:
    """One line for each point, full precision, latencies in ms, empty where there is no number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    shown = [
        (name, share) for name, metric in METRIC_BY_NAME.items() if metric.unit == "ms"
        for share in ("mean", *QUANTILES)
        if all(name in point.metrics for point in sweep.points)
    ]  # fmt: skip
    names = [f"{name}_{share}_ms" for name, share in shown]
    writer.writerow(["by", *COUNTS, *names, "folder"])
    for point in sweep.points:
        counts = [getattr(point, name) for name in COUNTS]
        values = [getattr(point.metrics[name], share) for name, share in shown]
        writer.writerow([sweep.by, *counts, *values, point.folder])
    return text.getvalue()


def render(sweep: Sweep) -> str:
    """The page as text: it needs no other file, makes no request, and links to the runs beside it."""
    return fill("sweep", _title(sweep), {"view": msgspec.json.encode(view(sweep))})


def view(sweep: Sweep) -> Json:
    """Everything that the page shows."""
    points = sweep.points
    return {
        "title": _what(sweep),
        "simulated": bool(sweep.run.get("simulated")),
        "said": sweep.said,
        "ended": sweep.ended,
        "limit": sweep.found.limit if sweep.found else None,
        "facts": [(FACTS[key], str(sweep.run[key])) for key in FACTS if sweep.run.get(key)],
        "by": sweep.by,
        "unit": sweep.unit,
        "slo": sweep.slo,
        "charts": [_chart(name, shares, points) for name, shares in CHARTS.items()],
        "points": [_point(point) for point in points],
        "csv": to_csv(sweep),
    }


def _title(sweep: Sweep) -> str:
    return f"{_what(sweep)} · inferswarm"


def _what(sweep: Sweep) -> str:
    what = sweep.run.get("model") or sweep.run.get("target") or "sweep"
    return f"{what} by {sweep.by}"


def _chart(name: str, shares: tuple[str, ...], points: list[Point]) -> Json:
    """Lines of one metric, a value for each point, and the limits that goals set to them."""
    metric = METRIC_BY_NAME[name]
    kept = [point.metrics[name] for point in points]
    lines = [{"name": share, "values": [getattr(one, share) for one in kept]} for share in shares]
    return {
        "title": metric.title,
        "unit": metric.unit,
        "lines": [line for line in lines if any(value is not None for value in line["values"])],
        "goals": _limits(name, points),
    }


def _limits(name: str, points: list[Point]) -> list[Json]:
    """The goals about one metric that limit a statistic of it."""
    asked = {goal.goal: goal.limit for point in points for goal in point.goals}
    about = {text: QUANTITIES.get(re.split(r"[<>]", text)[0].strip()) for text in asked}
    return [
        {"text": text, "limit": asked[text]}
        for text, quantity in about.items()
        if quantity is not None and quantity.metric == name
    ]


def _point(point: Point) -> dict[str, Any]:
    return {
        "load": point.load,
        "folder": point.folder,
        "met": point.met,
        "valid": point.valid,
        "why": point.why_missed,
        "failed": point.failed,
        "requests_per_s": point.requests_per_s,
        "output_tokens_per_s": point.output_tokens_per_s,
        "concurrency": point.concurrency,
        "metrics": {
            name: {share: getattr(point.metrics[name], share) for share in QUANTILES}
            for name in CHARTS
        },
    }
