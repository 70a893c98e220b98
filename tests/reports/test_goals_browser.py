"""Facts about goals on the report page, in a real browser."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from inferswarm.goals.results import GoalResult, GoodputStats
from inferswarm.reports import html
from inferswarm.snapshot import Snapshot
from inferswarm.summary import Summary

from . import sample_run
from .test_html_browser import OVERFLOW, browser, opened, pytestmark

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["browser", "pytestmark"]
MET = GoalResult("ttft.p95<500ms", 499.96, 500.0, "ms", met=True, margin=0.00008, note="close")
MISSED = GoalResult("goodput.share>=95%", 0.5, 0.95, "share", met=False, margin=-0.4737)
GOODPUT = GoodputStats(
    limits=["ttft<1s", "tpot<50ms"],
    attempted=1_000,
    good=500,
    share=0.5,
    requests_per_s=8.25,
    output_tokens_per_s=12_345.6,
    missed={"ttft<1s": 450, "tpot<50ms": 0},
    untold={"ttft<1s": 30},
)


@pytest.fixture(scope="module")
def summary() -> Summary:
    """A short run."""
    return sample_run.summary_of(sample_run.records(users=4, ramp_s=1, duration_s=10))


def page_of(folder: Path, summary: Summary, **asked: object) -> Path:
    """The page of a run with these goals in a file."""
    shot: Snapshot = replace(sample_run.snapshot_of(summary), **asked)
    file = folder / "report.html"
    file.write_text(html.render(shot, summary), encoding="utf-8")
    return file


@pytest.mark.parametrize("width", [1440, 390])
def test_goals_and_goodput_are_shown(
    browser: "Browser", summary: Summary, tmp_path: Path, width: int
) -> None:
    """A word beside the verdict, a row for each goal and limit; nothing sticks out on a phone."""
    file = page_of(tmp_path, summary, goals=[MET, MISSED], goodput=GOODPUT)
    with opened(browser, file, width) as page:
        assert page.locator("#goals-state").inner_text() == "1 of 2 GOALS MISSED"
        cells = page.locator("#goals-panel tbody tr > *").all_inner_texts()
        assert cells[:5] == ["ttft.p95<500ms", "met", "499.96 ms", "+0.0%", "close"]
        assert cells[5:8] == ["goodput.share>=95%", "MISSED", "50 %"]
        figures = page.locator("#goodput-panel").inner_text()
        assert "500 of 1,000" in figures
        assert "30 of them have no such value" in figures
        assert page.evaluate(OVERFLOW) == 0


def test_met_goals_are_told_beside_the_verdict(
    browser: "Browser", summary: Summary, tmp_path: Path
) -> None:
    """Without limits there is no goodput to show."""
    with opened(browser, page_of(tmp_path, summary, goals=[MET])) as page:
        assert page.locator("#goals-state").inner_text() == "GOALS MET"
        assert page.locator("#goodput-panel").is_hidden()


def test_a_run_without_goals_has_no_section(
    browser: "Browser", summary: Summary, tmp_path: Path
) -> None:
    """Nor a link to one, nor a word beside the verdict."""
    with opened(browser, page_of(tmp_path, summary)) as page:
        for part in ("#goals", "#goals-link", "#goals-state"):
            assert page.locator(part).is_hidden()
