"""Facts about the published numbers."""

import json

import jsonschema  # type: ignore[import-untyped, unused-ignore]
import pytest

from inferswarm.exchange import Outcome
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.snapshot import SCHEMA_VERSION, json_schema, latest, recent, take, to_json
from inferswarm.summary import Summary
from inferswarm.verdict import Client
from inferswarm.window import Measured, Span, Window, Work
from tests.builders import MS, START_NS, S, failure, record

STATS = {
    "unit", "count", "mean", "min", "p50", "p90", "p95", "p99", "p99_9", "max", "relative_error",
    "ci95", "too_few", "independent",
}  # fmt: skip
KEYS: dict[str, set[str]] = {
    "requests": {
        "attempted", "succeeded", "failed", "by_outcome", "retries", "connections_opened",
    },
    "window": {
        "method", "warmup", "begin_s", "end_s", "run_s", "requests_sent_in_warmup",
        "requests_ended_in_warmup", "requests_ended_in_drain", "output_tokens_in_warmup",
        "output_tokens_in_drain", "suggested_warmup_s",
    },
    "throughput": {
        "duration_s", "requests_per_s", "output_tokens_per_s", "input_tokens_per_s",
        "total_tokens_per_s",
    },
    "tokens": {"input", "output", "input_by_source", "output_by_source"},
    "concurrency": {"mean", "max"},
    "verdict": {"valid", "reasons", "warnings"},
    "client": {
        "workers", "lost_workers", "recorder", "clock", "cpu_share_max",
        "reader_cpu_share_max", "memory_max_mb", "descriptors_max",
        "loop_lag_ms", "send_lag_ms", "gc_pause_max_ms",
        "merged_reads_share", "parse_backlog_max", "parse_turns_forced",
        "unwritten_records", "addresses",
    },
}  # fmt: skip


def summary_of() -> Summary:
    """Ten requests a second over ten seconds, and one failure."""
    summary = Summary()
    for k in range(100):
        at_ns = START_NS + k * S // 10
        summary.add(
            record(k=k, due_ns=at_ns, sent_ns=at_ns, end_ns=at_ns + 400 * MS, connect_ns=None)
        )
    summary.add(failure(Outcome.HTTP_STATUS, status=500, due_ns=START_NS, sent_ns=START_NS))
    return summary


@pytest.mark.parametrize("summary", [Summary(), summary_of()], ids=["empty", "full"])
def test_summary_json_fits_its_schema(summary: Summary) -> None:
    """What is written validates against the published schema, with nothing in it too."""
    shot = take(summary, Client(), run={"id": "x"}, config={"load": {}})
    jsonschema.validate(json.loads(to_json(shot)), json_schema())


def test_summary_json_has_exactly_the_documented_keys() -> None:
    """Scripts find what the documentation names, and nothing else."""
    found = json.loads(to_json(take(summary_of(), Client())))
    assert set(found) == {
        "schema_version",
        "run",
        "config",
        "metrics",
        "goals",
        "goodput",
        "conversations",
        "prefix_cache",
        *KEYS,
    }
    assert {name: set(found[name]) for name in KEYS} == KEYS
    assert set(found["metrics"]) == set(METRIC_BY_NAME)
    assert all(set(stats) == STATS for stats in found["metrics"].values())
    assert set(found["client"]["loop_lag_ms"]) == STATS
    assert found["schema_version"] == SCHEMA_VERSION


def test_numbers_by_hand() -> None:
    """A hundred requests of three tokens over ten seconds, ten of them a second."""
    found = take(summary_of(), Client(memory_max_bytes=5_000_000))
    assert (found.requests.attempted, found.requests.succeeded, found.requests.failed) == (
        101,
        100,
        1,
    )
    assert found.requests.by_outcome == {"http_500": 1, "ok": 100}
    duration_s = found.throughput.duration_s
    assert duration_s == pytest.approx(10.3)
    assert found.throughput.requests_per_s == pytest.approx(100 / duration_s)
    assert found.throughput.output_tokens_per_s == pytest.approx(300 / duration_s)
    assert found.throughput.input_tokens_per_s == pytest.approx(700 / duration_s)
    assert found.throughput.total_tokens_per_s == pytest.approx(1_000 / duration_s)
    assert (found.tokens.input, found.tokens.output) == (700, 300)
    assert found.concurrency.mean == pytest.approx((100 * 0.4 + 0.401) / duration_s)
    assert found.concurrency.max == pytest.approx(4)
    assert found.client.memory_max_mb == 5


def test_metrics_are_in_their_published_unit() -> None:
    """Times are milliseconds, tokens are tokens."""
    metrics = take(summary_of(), Client()).metrics
    assert (metrics["ttft"].unit, metrics["ttft"].min, metrics["ttft"].max) == ("ms", 200, 200)
    assert metrics["ttft"].p99 == pytest.approx(200, rel=metrics["ttft"].relative_error)
    assert metrics["ttft"].mean == 200
    assert (metrics["output_tokens"].unit, metrics["output_tokens"].p50) == ("tokens", 3)


def of_ttfts(count: int) -> Summary:
    """So many requests, with a TTFT of 1 ms, 2 ms, 3 ms and so on."""
    summary = Summary()
    summary.add_all([record(k=k, chunk_ns=[(k + 1) * MS, 900 * MS]) for k in range(count)])
    return summary


def test_each_percentile_has_its_interval() -> None:
    """The values at the ranks that enclose it; each within the histogram's error."""
    ttft = take(of_ttfts(400), Client()).metrics["ttft"]
    assert ttft.ci95["p50"] == pytest.approx((180, 221), rel=ttft.relative_error)
    assert ttft.ci95["p99"] == pytest.approx((392, 400), rel=ttft.relative_error)
    assert ttft.ci95["p99_9"] is None
    assert (ttft.too_few, ttft.independent) == (["p99_9"], True)


def test_percentiles_of_too_few_requests_are_named() -> None:
    """Five requests bound not even the median."""
    ttft = take(of_ttfts(5), Client()).metrics["ttft"]
    assert ttft.too_few == ["p50", "p90", "p95", "p99", "p99_9"]
    assert set(ttft.ci95.values()) == {None}


def test_gaps_have_no_interval() -> None:
    """Gaps of one answer resemble each other, so their number says too much."""
    itl = take(of_ttfts(400), Client()).metrics["itl"]
    assert (itl.independent, set(itl.ci95.values())) == (False, {None})
    assert itl.p50 is not None


def test_rates_are_over_the_window_and_latencies_of_what_was_sent_in_it() -> None:
    """A measured window and a summary of its requests take the place of the whole."""
    window = Window(method="load", begin_s=2, end_s=6, run_s=10.3)
    span = Span(START_NS + 2 * S, START_NS + 6 * S)
    work = Work(ended=9, succeeded=8, output_tokens=24, input_tokens=56, busy_ns=10 * S)
    shot = take(
        summary_of(), Client(), measured=Measured(window, span, work), latencies=of_ttfts(7)
    )
    rate = shot.throughput
    assert (rate.duration_s, rate.requests_per_s, rate.output_tokens_per_s) == (4, 2, 6)
    assert (rate.input_tokens_per_s, rate.total_tokens_per_s) == (14, 20)
    assert (shot.concurrency.mean, shot.metrics["ttft"].count) == (2.5, 7)
    assert (shot.window, shot.requests.attempted) == (window, 101)


def test_what_does_not_exist_is_null() -> None:
    """An empty run has no mean and no quantile, and zero of what is counted."""
    found = json.loads(to_json(take(Summary(), Client())))
    for stats in [*found["metrics"].values(), found["client"]["loop_lag_ms"]]:
        numbers = STATS - {"unit", "count", "relative_error", "ci95", "too_few", "independent"}
        assert set(stats["ci95"].values()) == {None}
        assert stats["too_few"] == []
        assert [stats[name] for name in numbers] == [None] * len(numbers)
        assert stats["count"] == 0
    assert set(found["throughput"].values()) == {0}
    assert found["concurrency"] == {"mean": 0, "max": 0}


def test_run_config_and_verdict_are_passed_through() -> None:
    """The folder's own words and the judgement stand beside the numbers."""
    shot = take(summary_of(), Client(), run={"id": "r"}, config={"a": 1}, complete=False)
    assert (shot.run, shot.config) == ({"id": "r"}, {"a": 1})
    assert not shot.verdict.valid


def test_recent_rates_leave_out_buckets_that_still_fill() -> None:
    """Five whole seconds that ended a second ago give ten requests and thirty tokens a second."""
    rates = recent(summary_of(), START_NS + 9 * S + 500 * MS)
    assert rates == {"requests_per_s": 10, "output_tokens_per_s": 30, "failed_per_s": 0}


def test_recent_rates_of_a_young_run_divide_by_its_own_seconds() -> None:
    """Before five seconds have passed the rate is over those there are."""
    assert recent(summary_of(), START_NS + 3 * S)["output_tokens_per_s"] == pytest.approx(
        recent(summary_of(), START_NS + 9 * S)["output_tokens_per_s"], rel=0.5
    )


def test_recent_rates_count_failures() -> None:
    """A failure is shown as it happens."""
    assert recent(summary_of(), START_NS + 2 * S)["failed_per_s"] == 1


@pytest.mark.parametrize("after_s", [-100, 0, 1, 2, 10_000])
def test_recent_rates_of_any_instant_are_numbers(after_s: int) -> None:
    """Also of nothing, or long before or after the run."""
    for summary in (Summary(), summary_of()):
        rates = recent(summary, START_NS + after_s * S)
        assert set(rates) == {"requests_per_s", "output_tokens_per_s", "failed_per_s"}
        assert all(rate >= 0 for rate in rates.values())


def test_latest_latencies_are_of_the_same_seconds_as_the_rates() -> None:
    """In ms, coarsely, and none where nothing ended."""
    found = latest(summary_of(), START_NS + 3 * S)
    assert set(found) == {"ttft", "itl", "e2e"}
    for name, (p50, p95, p99) in found.items():
        assert p50 is not None, name
        assert p95 is not None, name
        assert p99 is not None, name
        assert 0 < p50 <= p95 <= p99
    assert not any(latest(summary_of(), START_NS + 60 * S).get("ttft", [None])) or found
    assert latest(Summary(), START_NS) == {}
