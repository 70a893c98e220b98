"""Facts about what a comparison leaves: numbers and a page."""

import json
from pathlib import Path

import msgspec
import pytest

from inferswarm.compare.conditions import parse
from inferswarm.compare.values import SCHEMA, Comparison
from inferswarm.reports import compare as report
from inferswarm.reports.compare import Asked, compare, view
from inferswarm.reports.compare_run import Side
from inferswarm.reports.fill import asset
from tests.reports.compare_sides import sides


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Side]:
    """A run, and one that is 10 % slower."""
    return sides(tmp_path_factory.mktemp("pair"), 1.0, 1.1)


def test_both_files_are_written(pair: list[Side], tmp_path: Path) -> None:
    """The JSON reads back as it was."""
    made = compare(pair, Asked())
    report.write(tmp_path, made, pair)
    assert {path.name for path in tmp_path.iterdir()} == {"compare.json", "compare.html"}
    assert msgspec.json.decode((tmp_path / "compare.json").read_bytes(), type=Comparison) == made


def test_everything_that_was_asked_is_in_it(pair: list[Side]) -> None:
    """Runs, settings, calls, conditions, and by what method."""
    made = compare(pair, Asked(0.03, 7, [parse("itl.p50 worse than 5%")]))
    assert made.schema_version == SCHEMA
    assert [run.label for run in made.runs] == ["A", "B"]
    assert [one.key for one in made.settings] == ["simulator.itl"]
    assert {row.name: row.changes[0].call for row in made.rows}["itl.p50"] == "worse"
    assert [(one.run, one.failed) for one in made.conditions] == [("B", True)]
    assert (made.method.floor, made.method.seed) == (0.03, 7)
    assert made.method.comparisons <= len(made.rows)
    assert made.warnings == []


def test_the_page_has_curves_and_lines_of_every_run(pair: list[Side]) -> None:
    """One list for each run, and a line for each that a panel draws."""
    shown = view(compare(pair, Asked()), pair)
    assert [one["title"] for one in shown["curves"]] == ["TTFT", "ITL", "E2E", "TPOT"]
    assert all(len(one["runs"]) == 2 and all(one["runs"]) for one in shown["curves"])
    titles = [panel["title"] for panel in shown["panels"]]
    assert {"Output tokens/s", "TTFT p95", "ITL p99"} <= set(titles)
    for panel in shown["panels"]:
        for seconds, values in zip(shown["seconds"], panel["runs"], strict=True):
            assert values is None or len(values) == len(seconds)


def test_a_run_that_was_not_streamed_has_no_curve_of_its_gaps(
    pair: list[Side], tmp_path: Path
) -> None:
    """And the warning that stands on top says so."""
    other = sides(tmp_path, 1.0, 1.0, streamed=False)[1]
    made = compare([pair[0], other], Asked())
    assert "streaming" in made.warnings[0]
    shown = view(made, [pair[0], other])
    assert shown["curves"][1]["runs"][1] is None


def test_the_page_holds_no_markup_of_the_data_and_asks_for_nothing(pair: list[Side]) -> None:
    """What a server or a user wrote stays text; scripts are those of the policy."""
    page = report.render(compare(pair, Asked()), pair)
    assert "<img src=x>" not in page
    assert asset("compare.js") in page
    assert "default-src 'none'" in page
    assert json.loads(msgspec.json.encode(view(compare(pair, Asked()), pair)))["said"]
