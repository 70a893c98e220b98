"""Facts about goals and goodput as they are shown."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console, Group

from inferswarm.goals.results import GoalResult, GoodputStats
from inferswarm.reports import goals
from inferswarm.snapshot import Snapshot

from . import sample_run

MET = GoalResult("ttft.p95<500ms", 499.96, 500.0, "ms", met=True, margin=0.00008, note="close")
MISSED = GoalResult("goodput.share>=95%", 0.5, 0.95, "share", met=False, margin=-0.4737)
EMPTY = GoalResult("ttfo.p50<1s", None, 1000.0, "ms", met=False, margin=None, note="no value: x")
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
def plain() -> Snapshot:
    """A run that nothing was asked of."""
    records = sample_run.records(users=4, ramp_s=1, duration_s=10)
    return sample_run.snapshot_of(sample_run.summary_of(records))


def shown(shot: Snapshot) -> str:
    """The terminal's text, without colours, on a wide screen."""
    console = Console(file=io.StringIO(), width=200)
    console.print(Group(*goals.parts(shot)))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return str(text)


def test_nothing_is_shown_where_nothing_was_asked(plain: Snapshot) -> None:
    """Neither in the terminal nor on the page."""
    assert goals.parts(plain) == []
    assert goals.view(plain) is None


def test_each_goal_has_its_line(plain: Snapshot) -> None:
    """State, value, margin and note; a near miss is not rounded onto its limit."""
    lines = shown(replace(plain, goals=[MET, MISSED, EMPTY])).splitlines()
    rows = [" ".join(line.split()) for line in lines if "<" in line or ">" in line]
    assert rows == [
        "ttft.p95<500ms met 499.96 ms +0.0% close",
        "goodput.share>=95% MISSED 50 % -47.4%",
        "ttfo.p50<1s MISSED - - no value: x",
    ]


def test_goodput_is_told_with_what_broke_it(plain: Snapshot) -> None:
    """Counts, share, rates, and only the limits that were not kept."""
    text = shown(replace(plain, goodput=GOODPUT))
    assert "goodput: 500 of 1,000 requests (50 %) within ttft<1s, tpot<50ms" in text
    assert "8.25 requests/s, 12,346 tokens/s" in text
    assert "not within ttft<1s: 450 successful requests, 30 of them without such a value" in text
    assert "not within tpot" not in text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ms", "-"),
        (20.28, "ms", "20.28 ms"),
        (1234.5678, "ms", "1235 ms"),
        (12345.6, "/s", "12,346/s"),
        (0.999, "share", "99.9 %"),
        (0.0, "share", "0 %"),
        (128.0, "tokens", "128 tokens"),
    ],
)
def test_amounts_have_their_unit(value: float | None, unit: str, text: str) -> None:
    """Four digits, or all whole ones."""
    assert goals.amount(value, unit) == text


def test_the_page_gets_counts_rows_and_goodput(plain: Snapshot) -> None:
    """Values in as many digits as tell them from their limits, here as in the terminal."""
    made = goals.view(replace(plain, goals=[MET, MISSED], goodput=GOODPUT))
    assert made is not None
    assert (made["state"], made["met"]) == ("1 of 2 GOALS MISSED", False)
    assert made["rows"] == [
        {
            "goal": "ttft.p95<500ms",
            "met": True,
            "measured": "499.96 ms",
            "margin": "+0.0%",
            "about": "close",
        },
        {
            "goal": "goodput.share>=95%",
            "met": False,
            "measured": "50 %",
            "margin": "-47.4%",
            "about": "",
        },
    ]
    assert made["goodput"]["good"] == 500
    assert goals.view(replace(plain, goals=[MET]))["state"] == "GOALS MET"  # type: ignore[index]
    assert goals.view(replace(plain, goodput=GOODPUT))["rows"] == []  # type: ignore[index]
