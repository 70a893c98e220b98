"""Facts about the numbers that are compared."""

import pytest

from inferswarm.compare.estimates import METRICS, QUANTITIES, estimates
from inferswarm.goals.quantities import QUANTITIES as GOALS
from inferswarm.scales import NS_PER_S
from inferswarm.summary import Summary
from tests.compare.sample import cut_of, estimated, served


def test_every_quantity_is_one_that_goals_know() -> None:
    """Same names, same units, and the same idea of what is better."""
    assert set(QUANTITIES) <= set(GOALS)
    for name, one in QUANTITIES.items():
        assert one.unit == GOALS[name].unit
        assert one.lower == (GOALS[name].better == "<")


def test_each_quantity_is_estimated_in_the_units_of_the_report() -> None:
    """Values are those of a summary of the same records; errors are there."""
    records = served(3, 600)
    found, summary = estimated(records), Summary()
    summary.add_all(records)
    assert list(found) == list(QUANTITIES)
    for name in METRICS:
        assert found[f"{name}.p90"].value == summary.metric(name).quantile(0.9) / 1e6
        assert found[f"{name}.mean"].value == pytest.approx(summary.metric(name).mean / 1e6)
    seconds = cut_of(records).grid.span_ns / NS_PER_S
    rate = found["throughput.requests"].value
    assert rate is not None
    assert rate * seconds == pytest.approx(summary.succeeded, abs=20)
    assert found["error_rate"].value == summary.failed / summary.attempted
    told = {name for name, one in found.items() if one.error is not None}
    assert told >= {name for name in QUANTITIES if not name.endswith("p99")}


def test_progress_is_told_for_each_metric_and_rate() -> None:
    """So that a bar moves."""
    steps: list[int] = []
    estimates(cut_of(served(3, 200)), "x", lambda: steps.append(1), resamples=100)
    assert len(steps) == len(METRICS) + 2
