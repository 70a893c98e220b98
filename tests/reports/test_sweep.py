"""Facts about what a sweep leaves: numbers, a table for other programs, and a page."""

import csv
import json
from pathlib import Path

import msgspec
import pytest

from inferswarm.limits.points import Sweep
from inferswarm.limits.search import Found
from inferswarm.reports import sweep as report
from inferswarm.reports.fill import asset
from tests.limits.sample import point, sweep
from tests.reports.test_html import Reader


@pytest.fixture(scope="module")
def made() -> Sweep:
    """Three points, of which the highest missed."""
    points = (point(5), point(10, 300), point(20, 900))
    return sweep(*points, found=Found(10, 1, 1, 20, 1, 1), said="up to 10/s")


def test_all_three_files_are_written(made: Sweep, tmp_path: Path) -> None:
    """The JSON reads back as it was."""
    report.write(tmp_path, made)
    assert {path.name for path in tmp_path.iterdir()} == {"sweep.json", "sweep.csv", "sweep.html"}
    assert msgspec.json.decode((tmp_path / "sweep.json").read_bytes(), type=Sweep) == made


def test_csv_has_a_line_for_each_point(made: Sweep) -> None:
    """Loads, outcomes and percentiles in ms stand under their names."""
    rows = list(csv.DictReader(report.to_csv(made).splitlines()))
    assert {row["by"] for row in rows} == {"rate"}
    assert [float(row["load"]) for row in rows] == [5, 10, 20]
    assert [row["met"] for row in rows] == ["True", "True", "False"]
    assert [float(row["ttft_p95_ms"]) for row in rows] == pytest.approx([200, 300, 900], rel=0.01)
    assert all(float(row["output_tokens_per_s"]) > 0 for row in rows)


def test_view_has_curves_goals_and_the_limit(made: Sweep) -> None:
    """Each line has a value for each point, and each goal stands at the chart of its metric."""
    shown = report.view(made)
    charts = {one["title"]: one for one in shown["charts"]}
    assert [line["name"] for line in charts["TTFT"]["lines"]] == ["p50", "p95", "p99"]
    assert charts["TTFT"]["goals"] == [{"text": "ttft.p95<500ms", "limit": 500.0}]
    assert charts["ITL"]["goals"] == [{"text": "itl.p99<1s", "limit": 1000.0}]
    assert charts["E2E"]["goals"] == []
    assert {len(line["values"]) for one in charts.values() for line in one["lines"]} == {3}
    assert shown["limit"] == 10
    assert [one["met"] for one in shown["points"]] == [True, True, False]


def test_page_holds_all_it_needs_and_no_markup_from_outside(made: Sweep) -> None:
    """A hostile model name stays text, no placeholder is left, and nothing is fetched."""
    page = report.render(made)
    reader = Reader(page)
    own = page.replace(asset("echarts.common.min.js"), "").replace(asset("sweep.js"), "")
    assert "{{" not in own
    assert "img" not in [tag for tag, _ in reader.tags]
    assert json.loads(reader.texts["scriptview"])["said"] == "up to 10/s"
    given = [attrs.get(name) for _, attrs in reader.tags for name in ("src", "href", "action")]
    assert all(value is None or value.startswith(("#", "data:")) for value in given)
    assert asset("echarts.NOTICE.txt").split("\n")[0] in own
    assert "</script" not in asset("sweep.js").lower()
