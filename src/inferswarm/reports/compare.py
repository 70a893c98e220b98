"""A comparison of runs, and what it leaves: `compare.json` and the page `compare.html`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from inferswarm.compare.bootstrap import RESAMPLES
from inferswarm.compare.calls import FLOOR, HISTOGRAM_ERROR, LEVEL, RESOLUTION_MS
from inferswarm.compare.cautions import cautions
from inferswarm.compare.conditions import Condition, judged
from inferswarm.compare.differences import settings
from inferswarm.compare.headline import headlines, tally
from inferswarm.compare.table import compared
from inferswarm.compare.values import SCHEMA, Comparison, Method
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.reports.charts import CURVES as POPULATIONS
from inferswarm.reports.charts import Json
from inferswarm.reports.compare_run import CURVES, Side
from inferswarm.reports.fill import fill
from inferswarm.storage import write_file

JSON, PAGE = "compare.json", "compare.html"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a comparison was asked for."""

    floor: float = FLOOR
    seed: int = 0
    conditions: Sequence[Condition] = ()


def compare(sides: Sequence[Side], asked: Asked) -> Comparison:
    """Everything that can be said of these runs; the first is the one the others are held against."""
    labels = [side.facts.label for side in sides]
    table = compared([side.estimates for side in sides], labels, asked.floor)
    shots = [side.told.shot for side in sides]
    return Comparison(
        schema_version=SCHEMA,
        runs=[side.facts for side in sides],
        warnings=cautions([side.told for side in sides]),
        settings=settings([shot.config for shot in shots], [shot.run for shot in shots]),
        method=Method(
            resamples=RESAMPLES,
            seed=asked.seed,
            level=LEVEL,
            floor=asked.floor,
            comparisons=table.comparisons,
            histogram_error=HISTOGRAM_ERROR,
            resolution_ms=RESOLUTION_MS,
        ),
        rows=table.rows,
        conditions=judged(asked.conditions, table.rows),
    )


def write(folder: Path, made: Comparison, sides: Sequence[Side]) -> None:
    """Write both; raises StorageError naming what could not be written."""
    encoded = msgspec.json.encode(made)
    write_file(folder / JSON, msgspec.json.format(encoded, indent=2) + b"\n")
    write_file(folder / PAGE, render(made, sides).encode())


def render(made: Comparison, sides: Sequence[Side]) -> str:
    """The page as text: it needs no other file and makes no request."""
    return fill(
        "compare", f"{title(made)} · inferswarm", {"view": msgspec.json.encode(view(made, sides))}
    )


def view(made: Comparison, sides: Sequence[Side]) -> Json:
    """Everything that the page shows."""
    return {
        "title": title(made),
        "said": headlines(made.rows),
        "tallies": [(run.label, tally(made.rows, run.label)) for run in made.runs[1:]],
        "comparison": made,
        "curves": [_curves(name, sides) for name in CURVES],
        "panels": _panels(sides),
        "duration_s": max(side.timeline["duration_s"] for side in sides),
        "seconds": [side.timeline["seconds"] for side in sides],
    }


def title(made: Comparison) -> str:
    """The runs by their names."""
    return " · ".join(f"{run.label}: {run.name}" for run in made.runs)


def _curves(name: str, sides: Sequence[Side]) -> Json:
    """The distribution of one metric, a curve for each run; None where it has none."""
    metric = METRIC_BY_NAME[name]
    return {
        "title": metric.title,
        "unit": metric.unit,
        "of": POPULATIONS[name][0],
        "p99_9": max((side.told.shot.metrics[name].p99_9 or 0.0) for side in sides),
        "runs": [side.curves.get(name) for side in sides],
    }


def _panels(sides: Sequence[Side]) -> list[Json]:
    """The panels of the runs' timelines, lines of all runs in one; None where a run has no such line."""
    found: dict[tuple[str, str], Json] = {}
    for at, side in enumerate(sides):
        for panel in side.timeline["panels"]:
            for line in panel["lines"]:
                name = line["name"] if line["name"] != "failed" else ""
                key = (panel["title"], name)
                made = found.setdefault(
                    key,
                    {
                        "title": f"{panel['title']} {name}".strip(),
                        "unit": panel["unit"],
                        "runs": [None] * len(sides),
                    },
                )
                made["runs"][at] = line["values"]
    return list(found.values())
