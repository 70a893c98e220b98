"""What a goal can be about: every quantity by its name, its unit, and where it stands in a snapshot."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from inferswarm.metrics import METRICS, QUANTILES, Metric
from inferswarm.snapshot import MetricStats, Snapshot

MS, TOKENS, PER_S, SHARE = "ms", "tokens", "/s", "share"
UNITS = {
    MS: {"ms": "1", "s": "1000"},
    TOKENS: {"tokens": "1", "": "1"},
    PER_S: {"/s": "1"},
    SHARE: {"%": "0.01"},
}
"""How each unit may be written, and what that is in the unit itself."""
STATISTICS = {
    "mean": "mean",
    "min": "min",
    **{field.replace("_", "."): field for field in QUANTILES},
    "max": "max",
}
"""Statistics of a metric as they are written, and their fields."""
LOW, HIGH, EITHER = "<", ">", ""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a run; `better` is how a goal must compare it, if only one way makes sense.

    `metric` and `quantile` are set for a statistic of a metric and for a quantile of it: the names
    of both in a snapshot.
    """

    name: str
    unit: str
    better: str
    read: Callable[[Snapshot], float | None]
    metric: str = ""
    quantile: str = ""


def _statistics(metric: Metric) -> Iterator[Quantity]:
    better = LOW if metric.unit == MS else EITHER
    for written, field in STATISTICS.items():
        yield Quantity(
            f"{metric.name}.{written}",
            metric.unit,
            better,
            _of_metric(metric.name, field),
            metric.name,
            field if field in QUANTILES else "",
        )


def _of_metric(name: str, field: str) -> Callable[[Snapshot], float | None]:
    read: Callable[[MetricStats], float | None] = attrgetter(field)
    return lambda shot: read(shot.metrics[name])


def _error_rate(shot: Snapshot) -> float | None:
    attempted = shot.requests.attempted
    return shot.requests.failed / attempted if attempted else None


def _goodput(field: str) -> Callable[[Snapshot], float | None]:
    return lambda shot: None if shot.goodput is None else getattr(shot.goodput, field)


def _rates() -> Iterator[Quantity]:
    for name in ("requests", "output_tokens", "input_tokens", "total_tokens"):
        yield Quantity(f"throughput.{name}", PER_S, HIGH, attrgetter(f"throughput.{name}_per_s"))


GOODPUT = (
    Quantity("goodput.share", SHARE, HIGH, _goodput("share")),
    Quantity("goodput.requests", PER_S, HIGH, _goodput("requests_per_s")),
    Quantity("goodput.output_tokens", PER_S, HIGH, _goodput("output_tokens_per_s")),
)
QUANTITIES = {
    one.name: one
    for one in (
        *(one for metric in METRICS for one in _statistics(metric)),
        *_rates(),
        Quantity("error_rate", SHARE, LOW, _error_rate),
        *GOODPUT,
    )
}
