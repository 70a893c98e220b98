"""Facts about the declared metrics and the bounds of their buckets."""

import re
from itertools import pairwise

from inferswarm.exposition.declared import (
    COUNTERS,
    DISTRIBUTIONS,
    EDGE_ERROR,
    LONG_NS,
    OURS,
    QUANTILE_ERROR,
    SHORT_NS,
)
from inferswarm.exposition.locust_names import LOCUST


def test_neighbouring_bounds_are_as_near_as_is_said() -> None:
    """A quantile read off the buckets is off by at most the stated share."""
    for bounds in (LONG_NS, SHORT_NS):
        steps = [high / low for low, high in pairwise(bounds)]
        assert min(steps) > 1 + EDGE_ERROR
        assert max(steps) == 1.28
    assert round(QUANTILE_ERROR, 3) == 0.285


def test_bounds_are_round_numbers_of_seconds() -> None:
    """From 1 ms to 1,000 s, and per token from 0.1 ms to 10 s."""
    by_metric = {one.metric: one.bounds for one in DISTRIBUTIONS}
    assert (by_metric["ttft"][0], by_metric["ttft"][-1]) == ("0.001", "1000")
    assert (by_metric["itl"][0], by_metric["itl"][-1]) == ("0.0001", "10")
    assert {"0.2", "0.5", "1", "1.25", "5"} < set(by_metric["e2e"])


def test_names_are_prometheus_names_with_their_unit() -> None:
    """No name twice; counters end in _total, times in _seconds; no label tells a prompt or address."""
    names = [one.name for one in (*OURS, *LOCUST)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"(inferswarm|locust)_[a-z0-9_]+", name) for name in names)
    assert all(one.name.endswith("_total") for one in COUNTERS)
    assert all(one.declared.name.endswith("_seconds") for one in DISTRIBUTIONS)
    labels = {label for one in OURS for label in one.labels}
    assert labels == {"backend", "model", "outcome", "source", "state", "stage", "version"}
    assert all(one.sentence for one in (*OURS, *LOCUST))
