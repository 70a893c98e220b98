"""Every metric that a collector gets, declared once, with its unit and the bounds of its buckets.

Names and buckets are those of OpenTelemetry's conventions for generative AI, where these have one that
means the same; the others begin with `inferswarm.` and are the same numbers as `/metrics` gives.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inferswarm.exposition import declared as exposed
from inferswarm.histogram import Histogram
from inferswarm.otel.about import error_type
from inferswarm.scales import NS_PER_MS, NS_PER_S
from inferswarm.summary import Summary

TOKEN_BOUNDS = tuple(4**power for power in range(14))
"""What the conventions advise for tokens: 1 to 67,108,864."""
TIME_BOUNDS_NS = tuple(10 * NS_PER_MS * 2**power for power in range(14))
"""What they advise for times: 0.01 s to 81.92 s."""
_MS_PER_S = 1_000


@dataclass(frozen=True, slots=True)
class Metric:
    """A name, a unit (UCUM), a sentence, and the name of its own attribute, if it has one."""

    name: str
    unit: str
    sentence: str
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram: its values by its attribute's, over `bounds`; both are units times `scale`."""

    metric: Metric
    bounds: tuple[int, ...]
    scale: int
    read: Callable[[Summary], Mapping[str, Histogram]]


@dataclass(frozen=True, slots=True)
class Count:
    """A counter: its counts by its attribute's value."""

    metric: Metric
    read: Callable[[Summary], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number of the master's last `snapshot` event; None while there is none."""

    metric: Metric
    read: Callable[[Mapping[str, Any]], float | None]


def _durations(summary: Summary) -> Mapping[str, Histogram]:
    failed = {error_type(kind): held for kind, held in summary.failed_after.items()}
    return {"": summary.metric("e2e"), **failed}


def _ours(one: exposed.Distribution) -> Distribution:
    name = f"inferswarm.{one.metric}"
    metric = Metric(name, "s", one.declared.sentence)
    return Distribution(metric, one.bounds_ns, NS_PER_S, lambda s: {"": s.metric(one.metric)})


def _lag(name: str) -> Callable[[Mapping[str, Any]], float | None]:
    def read(live: Mapping[str, Any]) -> float | None:
        p99_ms = live["snapshot"]["client"][name]["p99"]
        return None if p99_ms is None else p99_ms / _MS_PER_S

    return read


DISTRIBUTIONS = (
    Distribution(
        Metric(
            "gen_ai.client.operation.duration",
            "s",
            "E2E of successes; of failures, whose outcome or HTTP status is in the attribute, from sent "
            "(or due, when nothing was sent) to the failure.",
            "error.type",
        ),
        TIME_BOUNDS_NS,
        NS_PER_S,
        _durations,
    ),
    Distribution(
        Metric(
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            "TTFT: from sent to the first chunk that carries a token. Streamed successes.",
        ),
        TIME_BOUNDS_NS,
        NS_PER_S,
        lambda summary: {"": summary.metric("ttft")},
    ),
    Distribution(
        Metric(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens of prompts (input, where they were counted) and answers (output) of successes.",
            "gen_ai.token.type",
        ),
        TOKEN_BOUNDS,
        1,
        lambda summary: {
            "input": summary.metric("input_tokens"),
            "output": summary.metric("output_tokens"),
        },
    ),
    *(_ours(one) for one in exposed.DISTRIBUTIONS if one.metric not in ("ttft", "e2e")),
)
_SOURCE = "inferswarm.token.source"
COUNTS = (
    Count(
        Metric("inferswarm.input_tokens", "{token}", exposed.INPUT_TOKENS.sentence, _SOURCE),
        lambda summary: summary.input_tokens_by_source,
    ),
    Count(
        Metric("inferswarm.output_tokens", "{token}", exposed.OUTPUT_TOKENS.sentence, _SOURCE),
        lambda summary: summary.output_tokens_by_source,
    ),
    Count(
        Metric("inferswarm.sent", "By", exposed.SENT.sentence),
        lambda summary: {"": summary.bytes_out},
    ),
    Count(
        Metric("inferswarm.received", "By", exposed.RECEIVED.sentence),
        lambda summary: {"": summary.bytes_in},
    ),
    Count(
        Metric("inferswarm.retries", "{retry}", exposed.RETRIES.sentence),
        lambda summary: {"": summary.retries},
    ),
    Count(
        Metric("inferswarm.connections_opened", "{connection}", exposed.CONNECTIONS.sentence),
        lambda summary: {"": summary.connections},
    ),
)
GAUGES = (
    Gauge(Metric("inferswarm.users", "{user}", exposed.USERS.sentence), lambda live: live["users"]),
    Gauge(
        Metric("inferswarm.requests_in_flight", "{request}", exposed.IN_FLIGHT.sentence),
        lambda live: live["in_flight"],
    ),
    Gauge(
        Metric("inferswarm.workers", "{worker}", "Workers that take part in the run."),
        lambda live: live["workers"],
    ),
    Gauge(Metric("inferswarm.send_lag_p99", "s", exposed.SEND_LAG.sentence), _lag("send_lag_ms")),
    Gauge(Metric("inferswarm.loop_lag_p99", "s", exposed.LOOP_LAG.sentence), _lag("loop_lag_ms")),
    Gauge(
        Metric("inferswarm.worker_cpu_max", "1", exposed.CPU.sentence),
        lambda live: live["snapshot"]["client"]["cpu_share_max"],
    ),
    Gauge(
        Metric("inferswarm.verdict_valid", "{run}", exposed.VALID.sentence),
        lambda live: int(live["snapshot"]["verdict"]["valid"]),
    ),
    Gauge(
        Metric("inferswarm.verdict_reasons", "{reason}", exposed.REASONS.sentence),
        lambda live: len(live["snapshot"]["verdict"]["reasons"]),
    ),
)
_KINDS: dict[str, tuple[Distribution, ...] | tuple[Count, ...] | tuple[Gauge, ...]] = {
    "histogram": DISTRIBUTIONS,
    "counter": COUNTS,
    "gauge": GAUGES,
}
KINDS = {kind: tuple(one.metric for one in held) for kind, held in _KINDS.items()}
METRICS = tuple(metric for held in KINDS.values() for metric in held)
