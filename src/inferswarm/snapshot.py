"""A summary as numbers to publish: the one source of terminal, `summary.json`, page and goals.

The types below are the documented form of `summary.json`; its JSON schema is generated from them.
Numbers that do not exist (a mean of nothing) are null.
"""

import math
from typing import Any

import msgspec

from inferswarm import confidence
from inferswarm.conversations import LAST_OWN_TURN, Conversations
from inferswarm.demand import Demand
from inferswarm.goals.results import GoalResult, GoodputStats
from inferswarm.histogram import Histogram
from inferswarm.metrics import METRIC_BY_NAME, METRICS, QUANTILES, Metric
from inferswarm.prefix_cache import CacheStats
from inferswarm.scales import NS_PER_S
from inferswarm.summary import Summary
from inferswarm.verdict import Client, Verdict, judge
from inferswarm.window import Measured, Window, so_far

SCHEMA_VERSION = "1"
_LATEST = (0.5, 0.95, 0.99)


class Requests(msgspec.Struct, frozen=True):
    """How many requests were attempted, and how they ended."""

    attempted: int
    succeeded: int
    failed: int
    by_outcome: dict[str, int]
    retries: int
    connections_opened: int


class Throughput(msgspec.Struct, frozen=True):
    """Successful work per second over the `duration_s` of the window."""

    duration_s: float
    requests_per_s: float
    output_tokens_per_s: float
    input_tokens_per_s: float
    total_tokens_per_s: float


class Tokens(msgspec.Struct, frozen=True):
    """Tokens of successful requests by where their count came from."""

    input: int
    output: int
    input_by_source: dict[str, int]
    output_by_source: dict[str, int]


class MetricStats(msgspec.Struct, frozen=True):
    """One distribution in `unit`; quantiles are within `relative_error` of a measured value.

    `ci95` has an interval for each quantile that holds the true one with 95 % confidence if the values
    are independent, null where there is none. `too_few` names the quantiles for which there are too
    few values. Where `independent` is false (gaps of one answer resemble each other) no interval is
    given.
    """

    unit: str
    count: int
    mean: float | None
    min: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p99_9: float | None
    max: float | None
    relative_error: float
    ci95: dict[str, tuple[float, float] | None] = {}
    too_few: list[str] = []
    independent: bool = True


class Concurrency(msgspec.Struct, frozen=True):
    """Requests in flight, weighted by time, over the window.

    `max` is the highest mean of a timeline bucket that the window touches.
    """

    mean: float
    max: float


class ClientStats(msgspec.Struct, frozen=True):
    """How the load generator itself fared."""

    workers: int
    lost_workers: list[str]
    recorder: str
    clock: str
    cpu_share_max: float
    reader_cpu_share_max: float
    memory_max_mb: float
    descriptors_max: int
    loop_lag_ms: MetricStats
    send_lag_ms: MetricStats
    gc_pause_max_ms: float
    merged_reads_share: float
    parse_backlog_max: int
    parse_turns_forced: int
    unwritten_records: int
    addresses: dict[str, int]


class TurnStats(msgspec.Struct, frozen=True):
    """One turn of all conversations, of its good answers; `3+` is the fourth and all later ones."""

    turn: str
    metrics: dict[str, MetricStats]


class ConversationStats(msgspec.Struct, frozen=True):
    """How many conversations were held to their end (`complete`) or not (`cut`, of these `failed`).

    The others were cut by the end of the load, or went with their worker. `further_turns` counts the
    requests that began none. The metrics of `by_turn` are of the requests sent since the window began.
    """

    started: int
    complete: int
    cut: int
    failed: int
    further_turns: int
    by_turn: list[TurnStats]


class Snapshot(msgspec.Struct, frozen=True):
    """The content of `summary.json`; `run` and `config` are filled by the run folder.

    `goals` and `goodput` are there where somebody asked for them (`goals.judge`), `conversations`
    where prompts had several turns that were asked.
    """

    schema_version: str
    run: dict[str, Any]
    config: dict[str, Any]
    requests: Requests
    window: Window
    throughput: Throughput
    tokens: Tokens
    concurrency: Concurrency
    metrics: dict[str, MetricStats]
    verdict: Verdict
    client: ClientStats
    goals: list[GoalResult] = []
    goodput: GoodputStats | None = None
    prefix_cache: CacheStats | None = None
    conversations: ConversationStats | None = None


def take(
    summary: Summary,
    client: Client,
    *,
    run: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
    complete: bool = True,
    measured: Measured | None = None,
    latencies: Summary | None = None,
    demand: Demand | None = None,
) -> Snapshot:
    """Derive every published number from a summary and the client's own health.

    `measured` is the window and what was done in it, `latencies` a summary of the requests sent since
    it began; without them, everything counts. `demand` is what was asked for.
    """
    measured, latencies = measured or so_far(summary), latencies or summary
    return Snapshot(
        schema_version=SCHEMA_VERSION,
        run=run or {},
        config=config or {},
        requests=Requests(
            attempted=summary.attempted,
            succeeded=summary.succeeded,
            failed=summary.failed,
            by_outcome=dict(sorted(summary.by_kind.items())),
            retries=summary.retries,
            connections_opened=summary.connections,
        ),
        window=measured.window,
        throughput=_throughput(measured),
        tokens=Tokens(
            input=sum(summary.input_tokens_by_source.values()),
            output=sum(summary.output_tokens_by_source.values()),
            input_by_source=summary.input_tokens_by_source,
            output_by_source=summary.output_tokens_by_source,
        ),
        concurrency=_concurrency(summary, measured),
        metrics={
            metric.name: metric_stats(latencies.metric(metric.name), metric) for metric in METRICS
        },
        verdict=judge(summary, client, complete=complete, demand=demand),
        client=_client_stats(summary, client),
        conversations=_conversation_stats(summary.conversations, latencies.conversations),
    )


def _conversation_stats(whole: Conversations, since: Conversations) -> ConversationStats | None:
    """What became of all, and how those turns compare that were asked since the window began."""
    if not whole.started and not whole.further:
        return None
    return ConversationStats(
        started=whole.started,
        complete=whole.complete,
        cut=max(0, whole.started - whole.complete),
        failed=whole.failed,
        further_turns=whole.further,
        by_turn=[
            TurnStats(
                f"{turn}+" if turn == LAST_OWN_TURN else str(turn),
                {name: metric_stats(one, METRIC_BY_NAME[name]) for name, one in metrics.items()},
            )
            for turn, metrics in sorted(since.turns.items())
        ],
    )


def metric_stats(histogram: Histogram, metric: Metric) -> MetricStats:
    """A histogram in the metric's published unit."""
    return _stats(histogram, metric.unit, metric.scale, independent=metric.independent)


def to_json(snapshot: Snapshot) -> bytes:
    """`summary.json`, indented for people."""
    return msgspec.json.format(msgspec.json.encode(snapshot), indent=2) + b"\n"


def json_schema() -> dict[str, Any]:
    """JSON schema of `summary.json`."""
    return msgspec.json.schema(Snapshot)


def _stats(histogram: Histogram, unit: str, scale: int, *, independent: bool = True) -> MetricStats:
    full = histogram.count > 0
    enclosing = {
        name: confidence.ranks(histogram.count, share) for name, share in QUANTILES.items()
    }
    wanted = {name: histogram.rank(share) for name, share in QUANTILES.items()}
    ranks = sorted(
        {*wanted.values(), *(rank for both in enclosing.values() for rank in both or ())}
    )
    at = {
        rank: _scaled(value, scale)
        for rank, value in zip(ranks, histogram.values_at(ranks), strict=True)
    }
    known = enclosing if independent else dict.fromkeys(enclosing)
    return MetricStats(
        unit=unit,
        count=histogram.count,
        mean=_scaled(histogram.mean, scale),
        min=histogram.low / scale if full else None,
        **{name: at[rank] for name, rank in wanted.items()},
        max=histogram.high / scale if full else None,
        relative_error=histogram.relative_error,
        ci95={name: _interval(both, at) for name, both in known.items()},
        too_few=[name for name, both in enclosing.items() if both is None] if full else [],
        independent=independent,
    )


def _interval(
    ranks: tuple[int, int] | None, at: dict[int, float | None]
) -> tuple[float, float] | None:
    low, high = (None, None) if ranks is None else (at[ranks[0]], at[ranks[1]])
    return None if low is None or high is None else (low, high)


def _scaled(value: float, scale: int) -> float | None:
    return None if math.isnan(value) else value / scale


def _throughput(measured: Measured) -> Throughput:
    seconds, work = measured.span.seconds, measured.work

    def per_s(count: int) -> float:
        return count / seconds if seconds else 0.0

    return Throughput(
        duration_s=seconds,
        requests_per_s=per_s(work.succeeded),
        output_tokens_per_s=per_s(work.output_tokens),
        input_tokens_per_s=per_s(work.input_tokens),
        total_tokens_per_s=per_s(work.input_tokens + work.output_tokens),
    )


def _concurrency(summary: Summary, measured: Measured) -> Concurrency:
    width_ns, span = summary.timeline.width_s * NS_PER_S, measured.span
    peak = 0.0
    for index, level in summary.timeline.concurrency():
        if (index + 1) * width_ns <= span.begin_ns or index * width_ns > span.end_ns:
            continue
        # The run covers only a part of its first and last bucket.
        begin_ns = max(index * width_ns, summary.first_sent_ns)
        covered_ns = min((index + 1) * width_ns, summary.last_end_ns) - begin_ns
        peak = max(peak, level * width_ns / covered_ns if covered_ns else 0.0)
    span_ns = span.end_ns - span.begin_ns
    return Concurrency(mean=measured.work.busy_ns / span_ns if span_ns else 0.0, max=peak)


def _client_stats(summary: Summary, client: Client) -> ClientStats:
    return ClientStats(
        workers=client.workers,
        lost_workers=client.lost_workers,
        recorder=client.recorder,
        clock=client.clock,
        cpu_share_max=client.cpu_share_max,
        reader_cpu_share_max=client.reader_cpu_share_max,
        memory_max_mb=client.memory_max_bytes / 1e6,
        descriptors_max=client.descriptors_max,
        send_lag_ms=_stats(summary.client_lag, "ms", 1_000_000),
        loop_lag_ms=_stats(client.loop_lag, "ms", 1_000_000, independent=False),
        gc_pause_max_ms=client.gc_pause_max_ns / 1e6,
        merged_reads_share=summary.merged_reads / summary.reads if summary.reads else 0.0,
        parse_backlog_max=client.parse_backlog_max,
        parse_turns_forced=client.parse_turns_forced,
        unwritten_records=client.unwritten_records,
        addresses=summary.addresses,
    )


def recent(summary: Summary, now_ns: int, seconds: int = 5) -> dict[str, float]:
    """Rates of the last few whole buckets before `now_ns`, for a live view."""
    done, span_s = summary.timeline.latest(now_ns, seconds)
    return {
        "requests_per_s": done.succeeded / span_s,
        "output_tokens_per_s": done.output_tokens / span_s,
        "failed_per_s": (done.ended - done.succeeded) / span_s,
    }


def latest(summary: Summary, now_ns: int, seconds: int = 5) -> dict[str, list[float | None]]:
    """p50, p95 and p99 of what ended in the same buckets, coarser than the numbers of a run."""
    done, _ = summary.timeline.latest(now_ns, seconds)
    return {
        name: [_scaled(value, METRIC_BY_NAME[name].scale) for value in found.quantiles(_LATEST)]
        for name, found in sorted(done.latency.items())
    }
