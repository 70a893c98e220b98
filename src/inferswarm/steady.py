"""When a run became steady: what `--warmup auto` leaves out, found on its timeline.

The method is MSER (marginal standard error rule) over three series: output tokens per second,
concurrency, and the mean TTFT (without streams E2E) of the requests that ended. Neighbouring buckets
are averaged, five at a time in a long run (MSER-5), fewer in a short one. Of a series z(1)..z(m)
the d first values are left out for which

    sum over i > d of (z(i) - mean of those)^2 / (m - d)^2

is least: leaving out more lowers the spread, but also what is left to average. Among noise there is
always some d, so a cut must matter. It goes no further than the last value that differs from the rest
by more than their standard deviation and more than `LEAST_SHIFT` of their mean; and the mean of what
it leaves out differs from theirs by more than `LEAST_SHIFT` and `LEAST_ERRORS` standard errors.

The run is steady once every series is. A series that is best cut behind its middle still changes:
then there is no steady state.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from inferswarm.scales import NS_PER_S
from inferswarm.timeline import Bucket, Timeline
from inferswarm.window import Span

LEAST_BUCKETS = 20
LEAST_SHIFT = 0.05
LEAST_ERRORS = 4.0
_MOST_JOINED = 5
_FEWEST_KEPT = 5


@dataclass(frozen=True, slots=True)
class Steady:
    """When the steady state began; None with the reason where none was found."""

    begin_ns: int | None
    why_not: str = ""


Series = list[tuple[int, float]]
"""(when the value's time begins, value), in order of time."""


def find(timeline: Timeline, load: Span) -> Steady:
    """When the run became steady, looking only at the time in which the load was on."""
    found = series(timeline, load)
    lengths = max((len(one) for one in found), default=0)
    if lengths < LEAST_BUCKETS:
        return Steady(
            None,
            f"the load was on for {lengths} whole buckets of {timeline.width_s} s, "
            f"fewer than {LEAST_BUCKETS}",
        )
    cuts = [cut(one) for one in found if len(one) >= LEAST_BUCKETS]
    if None in cuts:
        return Steady(None, "the run still changed in its second half")
    return Steady(max((at for at in cuts if at), default=load.begin_ns))


def series(timeline: Timeline, load: Span) -> list[Series]:
    """Output tokens per second, concurrency, and mean latency, of the buckets within the load."""
    width_ns = timeline.width_s * NS_PER_S
    tokens: Series = []
    in_flight: Series = []
    latency: Series = []
    for index, level in timeline.concurrency():
        begin_ns = index * width_ns
        if load.begin_ns <= begin_ns and begin_ns + width_ns <= load.end_ns:
            bucket = timeline.buckets.get(index, Bucket())
            tokens.append((begin_ns, bucket.output_tokens / timeline.width_s))
            in_flight.append((begin_ns, level))
            mean = _latency(bucket)
            if not math.isnan(mean):
                latency.append((begin_ns, mean))
    return [tokens, in_flight, latency]


def cut(values: Series) -> int | None:
    """When a series became steady, 0 when it was from the start; None when it was not."""
    joined = max(1, min(_MOST_JOINED, len(values) // LEAST_BUCKETS))
    whole = range(0, len(values) - joined + 1, joined)
    means = [fmean(value for _, value in values[i : i + joined]) for i in whole]
    left_out = _needed(means, truncation(means))
    if not left_out or not _matters(means, left_out):
        return 0
    return values[left_out * joined][0] if left_out <= len(means) // 2 else None


def truncation(values: Sequence[float]) -> int:
    """How many of the first values MSER leaves out; the fewest where several are as good."""
    best, least = 0, math.inf
    mean = squares = 0.0
    for kept, value in enumerate(reversed(values), 1):
        shift = value - mean
        mean += shift / kept
        squares += shift * (value - mean)
        error = squares / kept**2
        if kept >= _FEWEST_KEPT and error <= least:
            best, least = len(values) - kept, error
    return best


def _needed(values: Sequence[float], left_out: int) -> int:
    """A cut without the values at its end that are as those after it."""
    rest = values[left_out:]
    if not rest:
        return 0
    mean = fmean(rest)
    alike = max(LEAST_SHIFT * abs(mean), pstdev(rest))
    while left_out and abs(values[left_out - 1] - mean) <= alike:
        left_out -= 1
    return left_out


def _matters(values: Sequence[float], left_out: int) -> bool:
    """Whether the first values differ from the rest by more than chance and more than a little."""
    rest = values[left_out:]
    shift = abs(fmean(values[:left_out]) - fmean(rest))
    error = pstdev(rest) * math.sqrt(1 / left_out + 1 / len(rest))
    return shift > LEAST_SHIFT * abs(fmean(rest)) and shift > LEAST_ERRORS * error


def _latency(bucket: Bucket) -> float:
    for name in ("ttft", "e2e"):
        if (histogram := bucket.latency.get(name)) is not None and histogram.count:
            return histogram.mean
    return math.nan
