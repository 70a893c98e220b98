"""Facts about the table of metrics."""

from inferswarm.exchange import Outcome
from inferswarm.metrics import METRIC_BY_NAME, METRICS, TIMELINE_METRICS
from tests.builders import MS, failure, record


def values(name: str, **changed: object) -> list[tuple[int, int]]:
    """(value, weight) pairs that a metric reads from a record."""
    found, weights = METRIC_BY_NAME[name].read([record(**changed)])
    return list(zip(found, weights or [1] * len(found), strict=True))


def test_names_are_the_published_ones() -> None:
    """Every metric is there once, under its fixed name."""
    assert [metric.name for metric in METRICS] == [
        "ttft", "ttft_due", "ttfo", "tpot", "itl", "e2e", "e2e_due", "ntpot",
        "send_lag", "connect", "server_queue", "server_prefill", "server_decode", "server_total",
        "ttft_rest", "input_tokens", "output_tokens", "cached_tokens", "tokens_per_chunk",
    ]  # fmt: skip
    assert set(TIMELINE_METRICS) <= set(METRIC_BY_NAME)


def test_every_metric_says_what_it_is() -> None:
    """Title, unit and a sentence are never missing."""
    for metric in METRICS:
        assert metric.title
        assert (metric.unit, metric.scale) in {("ms", MS), ("tokens", 1), ("tokens", 1_000)}
        assert metric.sentence.endswith(".")


def test_each_metric_reads_its_own_duration() -> None:
    """The table's rows are wired to the right rule."""
    told = {"queue": 30 * MS, "prefill": 50 * MS, "decode": 60 * MS, "total": 150 * MS}
    fields = {"connect_ns": 5, "reasoning_chunks": 1, "server_ns": told, "cached_tokens": 2}
    read = {name: values(name, **fields) for name in METRIC_BY_NAME}
    assert read == {
        "ttft": [(200 * MS, 1)],
        "ttft_due": [(201 * MS, 1)],
        "ttfo": [(300 * MS, 1)],
        "tpot": [(100 * MS, 1)],
        "itl": [(100 * MS, 1), (100 * MS, 1)],
        "e2e": [(400 * MS, 1)],
        "e2e_due": [(401 * MS, 1)],
        "ntpot": [(400 * MS // 3, 1)],
        "send_lag": [(MS, 1)],
        "connect": [(5, 1)],
        "server_queue": [(30 * MS, 1)],
        "server_prefill": [(50 * MS, 1)],
        "server_decode": [(60 * MS, 1)],
        "server_total": [(150 * MS, 1)],
        "ttft_rest": [(120 * MS, 1)],
        "input_tokens": [(7, 1)],
        "output_tokens": [(3, 1)],
        "cached_tokens": [(2, 1)],
        "tokens_per_chunk": [(1_000, 1)],
    }


def test_what_a_record_does_not_tell_gives_no_value() -> None:
    """A missing number is left out of a distribution and never counted as zero."""
    silent = failure(Outcome.EMPTY, connect_ns=None)
    told = {metric.name for metric in METRICS if metric.read([silent])[0]}
    assert told == {"send_lag", "output_tokens"}
