"""Facts about the goals of a run that is over."""

import pytest

from inferswarm.errors import InputError
from inferswarm.goals.stored import stored_goals
from inferswarm.goals.values import Goals

KEPT = {"goals": {"slo": ["ttft.p95<1s"], "goodput": ["e2e<5s"]}}


def texts(goals: Goals) -> tuple[list[str], list[str]]:
    """What is asked of the run, and of each request."""
    return [goal.text for goal in goals.slo], [limit.text for limit in goals.limits]


def test_a_run_keeps_its_goals() -> None:
    """Unless others are given, list by list."""
    assert texts(stored_goals(KEPT)) == (["ttft.p95<1s"], ["e2e<5s"])
    assert texts(stored_goals(KEPT, slo=["tpot.p50<1s"])) == (["tpot.p50<1s"], ["e2e<5s"])
    assert texts(stored_goals(KEPT, goodput=["ttft<1s,tpot<1s"])) == (
        ["ttft.p95<1s"],
        ["ttft<1s", "tpot<1s"],
    )


@pytest.mark.parametrize("config", [{}, {"goals": None}, {"goals": {}}, {"load": {"users": 3}}])
def test_a_run_without_goals_has_none(config: dict[str, object]) -> None:
    """So had every run before there were any."""
    assert stored_goals(config) == Goals()


@pytest.mark.parametrize("kept", ["x", 5, ["x"], {"slo": 5}, {"slos": []}])
def test_goals_that_are_not_understood_are_refused(kept: object) -> None:
    """They are not passed over in silence: that would look like success."""
    with pytest.raises(InputError, match="its section goals is not understood"):
        stored_goals({"goals": kept})


def test_stored_texts_are_checked_too() -> None:
    """A file may have been changed by hand."""
    with pytest.raises(InputError, match="unknown quantity"):
        stored_goals({"goals": {"slo": ["speed>5"]}})
