"""The names by which dashboards of Locust know its numbers (`locust_*`), and those of the old benchmark.

Units are those that the names always had: response times in milliseconds, content lengths in bytes,
rates per second. All are gauges, as they were: Locust begins them anew with each test.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from inferswarm.exposition.families import Declared, Family
from inferswarm.scales import NS_PER_MS, NS_PER_S
from inferswarm.summary import Summary

MOST_ROWS = 500
MOST_ERRORS = 100
ERROR_LENGTH = 200
_ROW = ("method", "name")


def _locust(name: str, sentence: str, *labels: str) -> Declared:
    return Declared(f"locust_{name}", "gauge", sentence, labels)


UP = _locust("up", "1 when Locust answered, 0 when it did not.")
USERS = _locust("users", "Users that run now.")
RUNNING = _locust("running", "0 stopped, 1 spawning users, 2 running.")
WORKERS = {
    "": _locust("workers_count", "Workers that are connected."),
    "running": _locust("workers_running_count", "Workers that run users."),
    "hatching": _locust("workers_hatching_count", "Workers that start users."),
    "missing": _locust("workers_missing_count", "Workers that fell silent."),
}
WORKER = _locust("worker_detail", "Users of each worker, by its state.", "id", "state")
FAIL_RATIO = _locust("requests_fail_ratio", "Share of all requests that failed.")
PERCENTILES = {
    share: _locust(
        f"requests_current_response_time_percentile_{share}",
        f"Percentile {share} of the response times of the last seconds, in milliseconds.",
    )
    for share in (50, 95)
}
ERRORS = _locust("errors", "Failures of each kind.", *_ROW, "error")
ROWS = {
    "num_requests": "Requests in this test.",
    "num_failures": "Failed requests in this test.",
    "avg_response_time": "Mean response time in milliseconds.",
    "min_response_time": "Shortest response time in milliseconds.",
    "max_response_time": "Longest response time in milliseconds.",
    "median_response_time": "Median response time in milliseconds, rounded by Locust.",
    "current_rps": "Requests per second over the last seconds.",
    "current_fail_per_sec": "Failures per second over the last seconds.",
    "avg_content_length": "Mean length of an answer in bytes.",
}
BY_ROW = {name: _locust(f"requests_{name}", text, *_ROW) for name, text in ROWS.items()}


def _custom(name: str, sentence: str) -> Declared:
    return _locust(f"custom_metrics_{name}", f"{sentence} Successes of the latest run.")


CUSTOM = {
    "average-tokens-sent": _custom("avg_tokens_sent", "Mean tokens of a prompt."),
    "average-tokens-received": _custom("avg_tokens_received", "Mean tokens of an answer."),
    "average-test-time": _custom("avg_test_time", "Mean time of a request, in seconds."),
    "average-output-token-latency": _custom(
        "avg_output_token_latency",
        "Mean over requests of answer tokens per second of the request's time: a rate, in spite of "
        "the name.",
    ),
    "average-time-to-first-token": _custom(
        "avg_time_to_first_token", "Mean time to first token, in milliseconds; streamed requests."
    ),
}
"""By the keys of `/stats/custom_metrics`."""
LOCUST = (
    *(UP, USERS, RUNNING, *WORKERS.values(), WORKER, FAIL_RATIO, *PERCENTILES.values()),
    *(*BY_ROW.values(), ERRORS, *CUSTOM.values()),
)


def of_report(report: Mapping[str, Any]) -> list[Family]:
    """From what Locust answers at `/stats/requests`, of this version or an older one."""
    families = {one.name: Family(one) for one in LOCUST}

    def add(one: Declared, value: Any, **labels: str) -> None:
        if isinstance(value, int | float):
            families[one.name].add(value, labels)

    add(UP, 1)
    add(USERS, report.get("user_count"))
    add(RUNNING, {"hatching": 1, "spawning": 1, "running": 2}.get(report.get("state", ""), 0))
    add(FAIL_RATIO, report.get("fail_ratio"))
    for share, one in PERCENTILES.items():
        add(one, _percentile(report, share))
    for row in report.get("stats", [])[-MOST_ROWS:]:
        for name, one in BY_ROW.items():
            add(one, row.get(name), method=row.get("method") or "", name=row.get("name") or "")
    for labels, count in _errors(report).items():
        add(ERRORS, count, **dict(zip(ERRORS.labels, labels, strict=True)))
    _add_workers(families, report.get("workers", report.get("slaves", [])))
    return list(families.values())


def _errors(report: Mapping[str, Any]) -> Counter[tuple[str, str, str]]:
    """Counts by method, name and text, which is cut: errors that then look alike are one."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for error in report.get("errors", [])[:MOST_ERRORS]:
        text = str(error.get("error", ""))[:ERROR_LENGTH]
        counts[error.get("method") or "", error.get("name") or "", text] += error["occurrences"]
    return counts


def _percentile(report: Mapping[str, Any], share: int) -> Any:
    found = report.get("current_response_time_percentiles") or {}
    old = report.get(f"current_response_time_percentile_{share}")
    return found.get(f"response_time_percentile_{share / 100}", old)


def _add_workers(families: dict[str, Family], workers: list[Mapping[str, Any]]) -> None:
    states = Counter(
        "hatching" if one.get("state") == "spawning" else one.get("state") for one in workers
    )
    for state, declared in WORKERS.items():
        families[declared.name].add(states[state] if state else len(workers))
    for one in workers:
        labels = {"id": str(one.get("id")), "state": str(one.get("state"))}
        families[WORKER.name].add(one.get("user_count", 0), labels)


def custom_metrics(summary: Summary) -> dict[str, float]:
    """The five means of the old benchmark by their old keys; 0 where there is nothing, as there."""
    speed = summary.metric("ntpot")
    per_s = sum(NS_PER_S * weight / value for value, weight in speed.weighted() if value)
    means = {
        "average-tokens-sent": summary.metric("input_tokens").mean,
        "average-tokens-received": summary.metric("output_tokens").mean,
        "average-test-time": summary.metric("e2e").mean / NS_PER_S,
        "average-output-token-latency": per_s / speed.count if speed.count else 0.0,
        "average-time-to-first-token": summary.metric("ttft").mean / NS_PER_MS,
    }
    return {key: 0.0 if math.isnan(value) else value for key, value in means.items()}


def of_custom(custom: Mapping[str, Any]) -> list[Family]:
    """From what is answered at `/stats/custom_metrics`."""
    families = []
    for key, declared in CUSTOM.items():
        family = Family(declared)
        if isinstance(value := custom.get(key), int | float):
            family.add(value)
        families.append(family)
    return families
