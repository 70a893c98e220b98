"""Facts about the names by which dashboards of Locust know its numbers."""

import pytest

from inferswarm.exposition.families import render
from inferswarm.exposition.locust_names import custom_metrics, of_custom, of_report
from inferswarm.summary import Summary
from tests.builders import record

ROW = {
    "method": "GET",
    "name": "/x",
    "num_requests": 10,
    "num_failures": 2,
    "avg_response_time": 12.5,
    "min_response_time": 3,
    "max_response_time": 40,
    "median_response_time": 11,
    "current_rps": 1.5,
    "current_fail_per_sec": 0.25,
    "avg_content_length": 100,
}
REPORT = {
    "stats": [ROW, ROW | {"method": "", "name": "Aggregated"}],
    "errors": [
        {"method": "GET", "name": "/x", "error": "e" * 300 + "1", "occurrences": 1},
        {"method": "GET", "name": "/x", "error": "e" * 300 + "2", "occurrences": 4},
    ],
    "fail_ratio": 0.2,
    "current_response_time_percentiles": {
        "response_time_percentile_0.5": 11,
        "response_time_percentile_0.95": None,
    },
    "workers": [
        {"id": "w1", "state": "running", "user_count": 5},
        {"id": "w2", "state": "spawning", "user_count": 1},
        {"id": "w3", "state": "missing", "user_count": 0},
    ],
    "state": "spawning",
    "user_count": 6,
}


def lines(report: dict[str, object]) -> list[str]:
    """The lines of values."""
    text = render(of_report(report)).decode().splitlines()
    return [line for line in text if not line.startswith("#")]


def test_a_report_of_locust_has_its_well_known_names() -> None:
    """Users, state, workers, rows; errors that look alike once cut are counted together."""
    found = lines(REPORT)
    assert {
        "locust_up 1",
        "locust_users 6",
        "locust_running 1",
        "locust_workers_count 3",
        "locust_workers_running_count 1",
        "locust_workers_hatching_count 1",
        "locust_workers_missing_count 1",
        'locust_worker_detail{id="w1",state="running"} 5',
        "locust_requests_fail_ratio 0.2",
        "locust_requests_current_response_time_percentile_50 11",
        'locust_requests_current_rps{method="",name="Aggregated"} 1.5',
        'locust_requests_avg_response_time{method="GET",name="/x"} 12.5',
        'locust_requests_median_response_time{method="GET",name="/x"} 11',
        f'locust_errors{{method="GET",name="/x",error="{"e" * 200}"}} 5',
    } < set(found)
    assert not [line for line in found if "percentile_95" in line]


def test_an_older_locust_is_understood_too() -> None:
    """Percentiles had other keys, workers another name."""
    old = {"current_response_time_percentile_95": 30, "slaves": [{"id": "s"}], "state": "hatching"}
    assert "locust_requests_current_response_time_percentile_95 30" in lines(old)
    assert "locust_workers_count 1" in lines(old)


def test_the_old_benchmarks_means_have_their_keys_and_units() -> None:
    """Seconds, tokens per second, milliseconds; nothing is 0."""
    summary = Summary()
    summary.add_all([record(k=k) for k in range(3)])
    found = custom_metrics(summary)
    assert found == {
        "average-tokens-sent": 7,
        "average-tokens-received": 3,
        "average-test-time": 0.4,
        "average-output-token-latency": pytest.approx(7.5, rel=0.002),
        "average-time-to-first-token": 200,
    }
    assert set(custom_metrics(Summary()).values()) == {0.0}
    text = render(of_custom(found)).decode()
    assert "\nlocust_custom_metrics_avg_time_to_first_token 200\n" in text
    assert "\nlocust_custom_metrics_avg_tokens_sent 7\n" in text
