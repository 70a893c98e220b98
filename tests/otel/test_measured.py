"""Facts about metrics as the SDK has them."""

from typing import Any

import msgspec
import pytest

from inferswarm.otel.counted import counted
from inferswarm.otel.declared import METRICS
from inferswarm.otel.measured import Measured
from inferswarm.snapshot import take
from inferswarm.summary import Summary
from inferswarm.verdict import Client
from tests.builders import MS, failure, record

sdk = pytest.importorskip("opentelemetry.sdk.metrics.export", reason="needs the extra otel")
START_NS, NOW_NS = 1_000, 5_000


def metrics(summary: Summary, live: dict[str, Any]) -> dict[str, Any]:
    """All metrics of a summary by name."""
    made = Measured(sdk, {"a": 1}, START_NS).metrics(counted(summary), live, NOW_NS)
    return {metric.name: metric for metric in made}


def some() -> tuple[Summary, dict[str, Any]]:
    """A summary of two successes and a failure, and a snapshot event of it."""
    summary = Summary()
    summary.add_all([record(), record(k=1), failure(k=2)])
    shot = {
        "client": {
            "send_lag_ms": {"p99": 2.0},
            "loop_lag_ms": {"p99": None},
            "cpu_share_max": 0.25,
        },
        "verdict": {"valid": False, "reasons": ["a", "b"]},
    }
    return summary, {"users": 3, "in_flight": 2, "workers": 1, "snapshot": shot}


def test_a_histogram_is_cumulative_since_the_run_began() -> None:
    """In seconds, with its own attribute for failures alone."""
    found = metrics(*some())["gen_ai.client.operation.duration"]
    assert found.data.aggregation_temporality.name == "CUMULATIVE"
    good, bad = found.data.data_points
    assert (good.count, good.sum, good.min, good.max) == (2, 0.8, 0.4, 0.4)
    assert (good.attributes, bad.attributes) == ({"a": 1}, {"a": 1, "error.type": "truncated"})
    assert (good.start_time_unix_nano, good.time_unix_nano) == (START_NS, NOW_NS)
    assert len(good.bucket_counts) == len(good.explicit_bounds) + 1
    assert sum(good.bucket_counts) == good.count
    assert good.explicit_bounds[0] == 0.01


def test_counters_never_fall_and_say_so() -> None:
    """Monotonic sums, by source where they have one."""
    found = metrics(*some())["inferswarm.output_tokens"].data
    assert found.is_monotonic
    assert found.aggregation_temporality.name == "CUMULATIVE"
    (point,) = found.data_points
    assert (point.value, point.attributes["inferswarm.token.source"]) == (6, "server_usage")


def test_gauges_are_those_of_the_last_snapshot() -> None:
    """In seconds where the snapshot has milliseconds; what it does not know is left out."""
    found = metrics(*some())
    assert found["inferswarm.users"].data.data_points[0].value == 3
    assert found["inferswarm.requests_in_flight"].data.data_points[0].value == 2
    assert found["inferswarm.send_lag_p99"].data.data_points[0].value == 0.002
    assert found["inferswarm.verdict_valid"].data.data_points[0].value == 0
    assert found["inferswarm.verdict_reasons"].data.data_points[0].value == 2
    assert "inferswarm.loop_lag_p99" not in found


def test_before_the_first_snapshot_there_are_only_counters() -> None:
    """Each at 0."""
    found = metrics(Summary(), {})
    assert found["inferswarm.sent"].data.data_points[0].value == 0
    assert all(hasattr(metric.data, "is_monotonic") for metric in found.values())


def test_every_declared_metric_comes_of_a_real_snapshot() -> None:
    """The names that gauges read are those that the master says."""
    summary, live = some()
    summary.client_lag.add(MS)
    client = Client()
    client.loop_lag.add(MS)
    live["snapshot"] = msgspec.to_builtins(take(summary, client))
    assert set(metrics(summary, live)) == {metric.name for metric in METRICS}


@pytest.mark.parametrize("unit", ["s", "{token}", "By"])
def test_units_are_passed_on(unit: str) -> None:
    """As declared."""
    assert unit in {metric.unit for metric in metrics(*some()).values()}
