"""Every metric of ours that a master gives Prometheus, declared once, with the bounds of its buckets.

Bounds are the preferred numbers R10: ten to a decade, each at most 1.28 times the one before. A quantile
that is read off the buckets lies in the same bucket as the true one, so it is off by at most
`QUANTILE_ERROR` of the true value as long as that is within the bounds.
"""

from dataclasses import dataclass
from itertools import pairwise

from inferswarm.exposition.families import Declared, Kind
from inferswarm.histogram import Histogram
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.scales import NS_PER_S

_STEPS = (100, 125, 160, 200, 250, 320, 400, 500, 630, 800)
RUN = ("backend", "model")
"""Labels of all that is counted: of which run it was. Never a prompt, an address or a run's id."""
STAGES = ("idle", "preparing", "starting", "running", "draining", "finishing")


def _bounds(first_ns: int, decades: int) -> tuple[int, ...]:
    inner = [first_ns * 10**tens // 100 * step for tens in range(decades) for step in _STEPS]
    return (*inner, first_ns * 10**decades)


SHORT_NS = _bounds(100_000, 5)
"""Bounds of times per token: 0.1 ms to 10 s."""
LONG_NS = _bounds(1_000_000, 6)
"""Bounds of times per request: 1 ms to 1,000 s."""
EDGE_ERROR = 2 * Histogram().relative_error
"""Values that are this near above a bound may be counted below it."""
QUANTILE_ERROR = max(high / low for low, high in pairwise(LONG_NS)) * (1 + EDGE_ERROR) - 1


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram of one of `metrics.METRICS`, over bounds in nanoseconds."""

    metric: str
    declared: Declared
    bounds_ns: tuple[int, ...]

    @property
    def bounds(self) -> tuple[str, ...]:
        """The bounds in seconds, as they are written."""
        return tuple(f"{bound / NS_PER_S:.9f}".rstrip("0").rstrip(".") for bound in self.bounds_ns)


def _distribution(metric: str, bounds_ns: tuple[int, ...]) -> Distribution:
    sentence = METRIC_BY_NAME[metric].sentence
    return Distribution(
        metric,
        Declared(f"inferswarm_{metric}_seconds", "histogram", f"{sentence} Successes only.", RUN),
        bounds_ns,
    )


DISTRIBUTIONS = (
    _distribution("ttft", LONG_NS),
    _distribution("ttft_due", LONG_NS),
    _distribution("tpot", SHORT_NS),
    _distribution("itl", SHORT_NS),
    _distribution("e2e", LONG_NS),
    _distribution("e2e_due", LONG_NS),
)


def _counter(name: str, sentence: str, *more: str) -> Declared:
    return Declared(f"inferswarm_{name}_total", "counter", sentence, (*RUN, *more))


def _gauge(name: str, sentence: str, *labels: str) -> Declared:
    kind: Kind = "gauge"
    return Declared(f"inferswarm_{name}", kind, sentence, labels)


REQUESTS = _counter(
    "requests", "Requests that ended, by outcome (ok, http_503, timeout_idle, ...).", "outcome"
)
INPUT_TOKENS = _counter(
    "input_tokens",
    "Prompt tokens of successful requests, by where their count came from.",
    "source",
)
OUTPUT_TOKENS = _counter(
    "output_tokens",
    "Answer tokens of successful requests, by where their count came from.",
    "source",
)
SENT = _counter("sent_bytes", "Bytes of requests sent.")
RECEIVED = _counter("received_bytes", "Bytes of answers received.")
RETRIES = _counter("retries", "Kept connections that proved dead and were replaced.")
CONNECTIONS = _counter("connections_opened", "Connections opened.")
RUNS = _counter("runs", "Runs that this master began to carry out.")

USERS = _gauge("users", "Users that Locust runs now; in open loop one for each worker.")
IN_FLIGHT = _gauge("requests_in_flight", "Requests sent and not yet answered.")
WORKERS = _gauge(
    "workers", "Workers by state: Locust's, `connected` before that, `lost` in this run.", "state"
)
STAGE = _gauge("stage", "1 for the stage that the master is in, 0 for the others.", "stage")
SEND_LAG = _gauge(
    "send_lag_p99_seconds",
    "p99 from due to sent over the run that goes on or was the last, connections already open.",
)
LOOP_LAG = _gauge(
    "loop_lag_p99_seconds", "p99 of how late the workers' event loops were, over the same run."
)
CPU = _gauge("worker_cpu_max_ratio", "Highest share of its core that a worker used in that run.")
VALID = _gauge("verdict_valid", "1 while the verdict on that run is VALID, 0 while it is INVALID.")
REASONS = _gauge("verdict_reasons", "How many reasons speak against that run.")
BUILD = _gauge("build_info", "Always 1; which version this is.", "version")

COUNTERS = (REQUESTS, INPUT_TOKENS, OUTPUT_TOKENS, SENT, RECEIVED, RETRIES, CONNECTIONS, RUNS)
GAUGES = (USERS, IN_FLIGHT, WORKERS, STAGE, SEND_LAG, LOOP_LAG, CPU, VALID, REASONS, BUILD)
OURS = (*(one.declared for one in DISTRIBUTIONS), *COUNTERS, *GAUGES)
