"""Facts about the tables and the JSON of the bench."""

import json

import pytest
from bench.loads import Load
from bench.report import Row, as_json, ratios, table, warnings

LOAD = Load("small", "two streams", users=2)
BASE = Row([{"cpu_us_per_chunk": 20.0}, {"cpu_us_per_chunk": 40.0}, {"cpu_us_per_chunk": 10.0}])
OWN = Row([{"cpu_us_per_chunk": 10.0}, {}, {"cpu_us_per_chunk": 8.0}], "it was killed")
ABSENT = Row(problem="not installed: do this")
ROWS = {"own": OWN, "fasthttpuser": BASE, "absent": ABSENT}


def cells(client: str, rows: dict[str, Row]) -> dict[str, str]:
    """A client's line under the titles that occur once."""
    lines = [line.strip("|").split("|") for line in table(LOAD, rows).splitlines()[2:]]
    line = next(line for line in lines if line[0].strip() == client)
    return {title.strip(): cell.strip() for title, cell in zip(lines[0], line, strict=True)}


def test_several_runs_show_median_and_spread() -> None:
    """The least and the greatest stand beside the median."""
    assert cells("fasthttpuser", ROWS)["CPU µs/chunk"] == "20.00 (10.00..40.00)"


def test_one_run_shows_its_figure_alone() -> None:
    """There is no spread of one."""
    assert cells("a", {"a": Row([{"cpu_us_per_chunk": 3.0}])})["CPU µs/chunk"] == "3.00"


def test_ratios_are_told_for_each_run_that_both_have() -> None:
    """A failed run shifts no other run's ratio."""
    assert ratios("cpu_us_per_chunk", OWN, BASE) == [0.5, 0.8]
    assert cells("own", ROWS)["CPU/chunk vs fasthttpuser"] == "0.45 (0.50, 0.80)"


def test_a_failed_run_is_told_in_its_row() -> None:
    """How many runs there are, and what went wrong."""
    assert cells("own", ROWS)["runs"] == "2 of 3: it was killed"
    assert cells("fasthttpuser", ROWS)["runs"] == "3"


def test_a_row_that_was_not_measured_says_why() -> None:
    """It is in the table all the same."""
    found = cells("absent", ROWS)
    assert found["chunks/s"] == "not measured: not installed: do this"
    assert found["CPU/chunk vs fasthttpuser"] == "-"


def test_no_problem_breaks_the_table() -> None:
    """Bars and line ends of a log's tail do not end a cell, and it is cut."""
    found = cells("a", {"a": Row(problem="x | y\nz" + "!" * 1000)})["chunks/s"]
    assert found.startswith("not measured: x / y z!!!")
    assert len(found) < 300


def test_the_json_keeps_every_run() -> None:
    """Beside the medians, spreads and ratios of all and of each."""
    told = json.loads(json.dumps(as_json([LOAD], {"small": ROWS}, {"cores": 2})))
    own = told["loads"]["small"]["clients"]["own"]
    assert own["runs"] == OWN.runs
    assert own["median"] == {"cpu_us_per_chunk": 9.0}
    assert own["spread"] == {"cpu_us_per_chunk": [8.0, 10.0]}
    assert own["to_base"]["cpu_us_per_chunk"] == pytest.approx(0.45)
    assert own["to_base_of_runs"] == {"cpu_us_per_chunk": [0.5, 0.8]}
    assert told["loads"]["small"]["clients"]["absent"]["problem"] == ABSENT.problem


def test_answers_that_were_not_reported_are_warned_of() -> None:
    """A client that lost more than one for each user cannot be judged by the rest."""
    row = Row([{"requests_answered": 100.0, "requests_reported": 90.0}, {}])
    assert warnings(LOAD, {"a": row}) == ["small, a: 100 answered, 90 reported"]
    row = Row([{"requests_answered": 100.0, "requests_reported": 99.0}])
    assert warnings(LOAD, {"a": row}) == []
