"""Facts about a comparison in the terminal."""

from io import StringIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from inferswarm.compare.conditions import parse
from inferswarm.compare.values import Comparison, Setting
from inferswarm.reports.compare import Asked, compare
from inferswarm.reports.compare_text import MOST_SETTINGS, result
from tests.reports.compare_sides import sides


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Three runs, the second 10 % slower than the others."""
    asked = Asked(conditions=[parse("itl.p50 worse than 5%")])
    return compare(sides(tmp_path_factory.mktemp("runs"), 1.0, 1.1, 1.0), asked)


def printed(made: Comparison) -> str:
    """As a terminal of 200 columns without colours shows it."""
    console = Console(file=StringIO(), width=200, color_system=None)
    console.print(result(made))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_settings_come_first_then_numbers_then_calls(made: Comparison) -> None:
    """A table for each later run, and the sentences below them."""
    said = printed(made)
    order = ["run-0  VALID", "configured differently", "simulator.itl", "B against A", "ITL p50"]
    order += ["C against A", "B is slower: ITL p50 +", "C: no difference", "FAILED  itl.p50 worse"]
    places = [said.index(one) for one in order]
    assert places == sorted(places)


def test_a_row_has_both_values_and_how_sure_the_difference_is(made: Comparison) -> None:
    """In its unit, with interval, what would have shown, and the call."""
    row = next(line for line in printed(made).splitlines() if line.startswith("ITL p50"))
    assert row.split()[-1] == "worse"
    assert row.count(" ms") == 2
    assert ".." in row


def test_what_is_wrong_with_a_run_stands_above_everything(made: Comparison) -> None:
    """INVALID in its line, the reason below."""
    bad = replace(made.runs[1], valid=False)
    said = printed(
        replace(made, runs=[made.runs[0], bad, made.runs[2]], warnings=["B is INVALID: x"])
    )
    assert "run-1  INVALID" in said
    assert said.index("  - B is INVALID: x") < said.index("configured differently")


def test_many_settings_are_cut_and_none_are_said(made: Comparison) -> None:
    """The page has them all."""
    many = [Setting(f"key{at}", ["a", "b", "a"]) for at in range(MOST_SETTINGS + 3)]
    assert "and 3 more" in printed(replace(made, settings=many))
    assert "the same configuration" in printed(replace(made, settings=[]))


def test_a_number_that_no_run_has_is_left_out(tmp_path: Path) -> None:
    """Of answers that were not streamed there is no row about tokens."""
    plain = compare(sides(tmp_path, 1.0, 1.0, streamed=False), Asked())
    assert "TTFT" not in printed(plain).replace("TTFT, ITL and TPOT", "")
    assert "E2E p50" in printed(plain)
