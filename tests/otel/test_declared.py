"""Facts about what a collector gets: names and buckets."""

import pytest

from inferswarm.exposition.declared import DISTRIBUTIONS as EXPOSED
from inferswarm.exposition.declared import OURS
from inferswarm.otel.declared import (
    COUNTS,
    DISTRIBUTIONS,
    GAUGES,
    METRICS,
    TIME_BOUNDS_NS,
    TOKEN_BOUNDS,
    Metric,
)

UNITS = {"s": "_seconds", "By": "_bytes", "1": "_ratio"}
"""What Prometheus makes of units; those in braces are left out."""


def test_the_buckets_are_those_that_the_conventions_advise() -> None:
    """Powers of 4 of tokens, and of 2 from 10 ms."""
    assert (len(TOKEN_BOUNDS), TOKEN_BOUNDS[0], TOKEN_BOUNDS[-1]) == (14, 1, 67_108_864)
    assert [bound / 1e9 for bound in TIME_BOUNDS_NS] == [
        *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
        *(1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
    ]


def test_names_are_unique() -> None:
    """No metric is declared twice."""
    assert len({one.name for one in METRICS}) == len(METRICS)


@pytest.mark.parametrize(
    ("metric", "total"),
    [
        *((one.metric, "") for one in DISTRIBUTIONS),
        *((one.metric, "") for one in GAUGES),
        *((one.metric, "_total") for one in COUNTS),
    ],
    ids=lambda given: given.name if isinstance(given, Metric) else "",
)
def test_our_names_are_those_of_the_page_for_prometheus(metric: Metric, total: str) -> None:
    """A collector that passes them on gives the names that dashboards know already."""
    if metric.name.startswith("inferswarm."):
        spelled = metric.name.replace(".", "_") + UNITS.get(metric.unit, "") + total
        assert spelled in {one.name for one in OURS}


def test_our_times_have_the_buckets_of_the_page_for_prometheus() -> None:
    """All of them but those of which the conventions have a name."""
    exposed = {f"inferswarm.{one.metric}": one.bounds_ns for one in EXPOSED}
    ours = {
        one.metric.name: one.bounds
        for one in DISTRIBUTIONS
        if one.metric.name.startswith("inferswarm.")
    }
    assert ours == {
        name: bounds
        for name, bounds in exposed.items()
        if name not in ("inferswarm.ttft", "inferswarm.e2e")
    }
