"""The numbers of a run that are compared, each with how far it would move in another run like it."""

from collections.abc import Callable
from dataclasses import dataclass

from inferswarm.compare import bootstrap
from inferswarm.compare.blocks import Cut
from inferswarm.compare.bootstrap import RESAMPLES, Draws, Estimate, Quantiles
from inferswarm.goals.quantities import MS, PER_S, SHARE
from inferswarm.metrics import METRIC_BY_NAME, QUANTILES
from inferswarm.scales import NS_PER_S

METRICS = ("ttft", "ttft_due", "itl", "tpot", "e2e")
SHARES = {name: QUANTILES[name] for name in ("p50", "p90", "p95", "p99")}
MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number that is compared; the name is that of a goal's.

    `lower` says whether less is better, `stepped` whether it is a step of a histogram.
    """

    name: str
    title: str
    unit: str
    lower: bool
    stepped: bool = False

    @property
    def relative(self) -> bool:
        """Whether differences are shares of the first value; of a share they are differences."""
        return self.unit != SHARE


QUANTITIES = {
    one.name: one
    for one in (
        *(
            Quantity(
                f"{name}.{statistic}",
                f"{METRIC_BY_NAME[name].title} {statistic}",
                MS,
                lower=True,
                stepped=statistic != MEAN,
            )
            for name in METRICS
            for statistic in (MEAN, *SHARES)
        ),
        Quantity("throughput.requests", "Requests/s", PER_S, lower=False),
        Quantity("throughput.output_tokens", "Output tokens/s", PER_S, lower=False),
        Quantity("error_rate", "Error rate", SHARE, lower=True),
    )
}
"""Every row of a comparison, in order."""


def estimates(
    cut: Cut,
    seed: str,
    progress: Callable[[], None] = lambda: None,
    resamples: int = RESAMPLES,
) -> dict[str, Estimate]:
    """All of them, in their units; `progress` is called once for each metric and rate."""
    asked = bootstrap.draws(cut.started, f"{seed}:requests", resamples)
    found: dict[str, Estimate] = {}
    for name in METRICS:
        found |= _of_metric(name, cut, asked)
        progress()
    elapsed = bootstrap.draws(cut.grid.grains, f"{seed}:time", resamples)
    for name, counts in (("requests", cut.succeeded), ("output_tokens", cut.output_tokens)):
        rate = bootstrap.rate(cut.series(counts), cut.grid.span_ns / NS_PER_S, elapsed)
        found[f"throughput.{name}"] = rate
        progress()
    attempted, failed = (cut.series(one)[: cut.started] for one in (cut.attempted, cut.failed))
    return found | {"error_rate": bootstrap.share(failed, attempted, asked)}


def _of_metric(name: str, cut: Cut, drawn: Draws) -> dict[str, Estimate]:
    histograms, scale = cut.histograms(name), METRIC_BY_NAME[name].scale
    quantiles = Quantiles(histograms).estimates(list(SHARES.values()), drawn)
    made = zip((MEAN, *SHARES), (bootstrap.mean(histograms, drawn), *quantiles), strict=True)
    return {f"{name}.{statistic}": one.scaled(scale) for statistic, one in made}
