"""What the charts of the report page draw: plain lists of numbers, each with its unit.

Lines share five significant digits, which is more than a screen can show; what does not exist is
None. Nothing here changes the summary it reads.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import pairwise
from statistics import median
from typing import Any

from inferswarm.histogram import Histogram
from inferswarm.metrics import METRIC_BY_NAME, QUANTILES
from inferswarm.scales import NS_PER_S
from inferswarm.snapshot import MetricStats
from inferswarm.summary import SAMPLE_POINTS, Point, Summary
from inferswarm.timeline import Bucket

CURVE_POINTS = 300
TREND_BINS = 10
TREND_MIN_POINTS = 50
MARKS = ("p50", "p90", "p95", "p99")
CURVES = {
    "ttft": ("requests", {"ttft": "from sent", "ttft_due": "from due"}),
    "itl": ("tokens", {"itl": "every gap"}),
    "e2e": ("requests", {"e2e": "from sent", "e2e_due": "from due"}),
    "tpot": ("requests", {"tpot": "mean of each request"}),
}
TIMELINE_QUANTILES = {"ttft": ("p50", "p95"), "itl": ("p50", "p99"), "e2e": ("p50",)}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of a run in one bucket of the timeline, or in two joined at an end of the run."""

    start_ns: int
    end_ns: int
    busy_ns: float
    bucket: Bucket

    @property
    def seconds(self) -> float:
        """How much of the run it covers."""
        return max(0, self.end_ns - self.start_ns) / NS_PER_S

    def per_s(self, count: float) -> float:
        """A rate over the covered part; 0 when nothing is covered."""
        return count / self.seconds if self.seconds else 0.0

    def join(self, later: "Slice") -> "Slice":
        """Both as one; leaves the buckets of both as they are."""
        both = Bucket()
        both.join(self.bucket)
        both.join(later.bucket)
        return Slice(self.start_ns, later.end_ns, self.busy_ns + later.busy_ns, both)


def slices(summary: Summary) -> list[Slice]:
    """The run cut along its timeline; a rest shorter than half a bucket joins its neighbour."""
    width_ns = summary.timeline.width_s * NS_PER_S
    cut = [
        Slice(
            max(index * width_ns, summary.first_sent_ns),
            min((index + 1) * width_ns, summary.last_end_ns),
            level * width_ns,
            summary.timeline.buckets.get(index, Bucket()),
        )
        for index, level in summary.timeline.concurrency()
    ]
    half = summary.timeline.width_s / 2
    if len(cut) > 1 and cut[0].seconds < half:
        cut = [cut[0].join(cut[1]), *cut[2:]]
    if len(cut) > 1 and cut[-1].seconds < half:
        cut = [*cut[:-2], cut[-2].join(cut[-1])]
    return cut


def timeline(summary: Summary) -> Json:
    """Panels of lines over `seconds` (middle of each slice since the first request was sent)."""
    cut = slices(summary)
    middle_ns = [(part.start_ns + part.end_ns) / 2 - summary.first_sent_ns for part in cut]
    panels = [
        panel("Output tokens/s", "", {"": [part.per_s(part.bucket.output_tokens) for part in cut]}),
        panel("Requests/s", "", {"": [part.per_s(part.bucket.succeeded) for part in cut]}),
        panel("Failed requests/s", "", {"failed": [part.per_s(_failed(part)) for part in cut]}),
        panel("Concurrency", "", {"": [part.per_s(part.busy_ns / NS_PER_S) for part in cut]}),
        *(latency_panel(name, shares, cut) for name, shares in TIMELINE_QUANTILES.items()),
    ]
    return {
        "duration_s": summary.span_ns / NS_PER_S,
        "width_s": summary.timeline.width_s,
        "seconds": [round(at / NS_PER_S, 3) for at in middle_ns],
        "panels": [panel for panel in panels if panel["lines"]],
    }


def _failed(part: Slice) -> int:
    return part.bucket.ended - part.bucket.succeeded


def latency_panel(name: str, shares: Sequence[str], cut: Sequence[Slice]) -> Json:
    """Quantiles of one metric in each slice, over the requests that ended there."""
    metric = METRIC_BY_NAME[name]
    found = [part.bucket.latency.get(name, Histogram()) for part in cut]
    lines = {
        share: [histogram.quantile(QUANTILES[share]) / metric.scale for histogram in found]
        for share in shares
    }
    return panel(metric.title, metric.unit, lines)


def panel(title: str, unit: str, lines: dict[str, list[float]]) -> Json:
    """Lines over one value axis, without those that have nothing to show (no value, or only 0)."""
    kept = [
        {"name": name, "values": [short(value) for value in values]}
        for name, values in lines.items()
        if any(value and not math.isnan(value) for value in values)
    ]
    return {"title": title, "unit": unit, "lines": kept}


def distribution(name: str, stats: MetricStats, summary: Summary) -> Json:
    """The cumulative curves of one metric, where its percentiles lie, and p99.9 to cut the tail."""
    population, variants = CURVES[name]
    metric = METRIC_BY_NAME[name]
    curves = {label: summary.metrics.get(key, Histogram()) for key, label in variants.items()}
    return {
        "title": metric.title,
        "unit": metric.unit,
        "of": population,
        "curves": [
            {"name": label, "points": curve(histogram, metric.scale)}
            for label, histogram in curves.items()
            if histogram.count
        ],
        "marks": {share: getattr(stats, share) for share in MARKS},
        "p99_9": stats.p99_9,
    }


def curve(histogram: Histogram, scale: int) -> list[tuple[float | None, float]]:
    """(value, share of values up to it), from 0 to 1, at most `CURVE_POINTS` of them."""
    steps = [(value / scale, upto / histogram.count) for value, upto in histogram.cumulative()]
    kept = thin([(histogram.low / scale, 0.0), *steps], CURVE_POINTS)
    return [(short(value), round(share, 6)) for value, share in kept]


def thin(points: list[tuple[float, float]], limit: int) -> list[tuple[float, float]]:
    """At most `limit` (two or more) points, evenly by position, with the first and the last."""
    if len(points) <= limit:
        return points
    return [points[round(i * (len(points) - 1) / (limit - 1))] for i in range(limit)]


def prompts(summary: Summary) -> Json:
    """TTFT against length of the prompt for a sample of the successful requests, or why not."""
    sample = nsmallest(SAMPLE_POINTS, summary.points)
    streamed = [point for point in sample if point.ttft_ns]
    why = ""
    if not sample:
        why = "No request succeeded, so there is nothing to draw."
    elif not streamed:
        why = "The answers were not streamed, so the arrival of their first token is not known."
    unit = "tokens" if all(point.input_tokens for point in streamed) else "characters"
    points = sorted(_point(point, unit, summary.first_sent_ns) for point in streamed)
    return {
        "why_not": why,
        "unit": unit,
        "points": points,
        "trend": trend([(length, ttft_ms) for length, ttft_ms, *_ in points]),
        "of": summary.succeeded,
    }


def _point(point: Point, unit: str, first_sent_ns: int) -> tuple[int, float, int, float]:
    """(length of the prompt, TTFT in ms, output tokens, seconds since the start)."""
    length = point.input_tokens if unit == "tokens" else point.prompt_chars
    sent_s = (point.sent_ns - first_sent_ns) / NS_PER_S
    ttft_ms = float(f"{point.ttft_ns / METRIC_BY_NAME['ttft'].scale:.5g}")
    return length, ttft_ms, point.output_tokens, round(sent_s, 1)


def trend(points: list[tuple[int, float]]) -> list[tuple[float, float]]:
    """(median length, median value) of ten equally large groups of points sorted by length.

    Empty when there are too few points, or too few lengths, to speak of a trend.
    """
    if len(points) < TREND_MIN_POINTS or len({length for length, _ in points}) < TREND_BINS:
        return []
    borders = [i * len(points) // TREND_BINS for i in range(TREND_BINS + 1)]
    groups = [points[a:b] for a, b in pairwise(borders)]
    return [(median(x for x, _ in group), median(y for _, y in group)) for group in groups]


def short(value: float) -> float | None:
    """Five significant digits; None for NaN."""
    return None if math.isnan(value) else float(f"{value:.5g}")
