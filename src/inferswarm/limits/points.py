"""Measured points of a sweep or a search as published in `sweep.json`. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from inferswarm.goals.judge import all_met
from inferswarm.goals.results import GoalResult
from inferswarm.limits.loads import Axis
from inferswarm.limits.search import Found, Try
from inferswarm.snapshot import MetricStats, Snapshot

SCHEMA = "inferswarm-sweep/1"
LATENCIES = ("ttft", "ttft_due", "itl", "tpot", "e2e", "e2e_due")


class Point(msgspec.Struct, frozen=True):
    """One run of a sweep: the load that was asked for, and what came out.

    `met` is whether it was VALID and reached every goal; without goals, whether it was VALID.
    """

    load: float
    folder: str
    valid: bool
    met: bool
    reasons: list[str]
    duration_s: float
    attempted: int
    succeeded: int
    failed: int
    requests_per_s: float
    output_tokens_per_s: float
    concurrency: float
    metrics: dict[str, MetricStats]
    goals: list[GoalResult]

    @property
    def why_missed(self) -> str:
        """In a few words, what kept it from counting as met; empty when nothing did."""
        missed = [f"{one.goal} (was {_value(one)})" for one in self.goals if not one.met]
        invalid = [] if self.valid else [f"INVALID: {'; '.join(self.reasons)}"]
        return "; ".join([*missed, *invalid])


class Sweep(msgspec.Struct, frozen=True):
    """The content of `sweep.json`.

    `by` is what changes from point to point, rate or concurrency, in `unit`. `found` is there after
    a search; `points` are in order of their load; `said` is what came out, in one sentence.
    """

    schema_version: str
    id: str
    by: str
    unit: str
    run: dict[str, Any]
    points: list[Point]
    slo: list[str] = []
    found: Found | None = None
    said: str = ""
    ended: str = ""


def point_of(load: float, folder: str, shot: Snapshot) -> Point:
    """A run's numbers as a point."""
    return Point(
        load=load,
        folder=folder,
        valid=shot.verdict.valid,
        met=shot.verdict.valid and all_met(shot),
        reasons=shot.verdict.reasons,
        duration_s=shot.throughput.duration_s,
        attempted=shot.requests.attempted,
        succeeded=shot.requests.succeeded,
        failed=shot.requests.failed,
        requests_per_s=shot.throughput.requests_per_s,
        output_tokens_per_s=shot.throughput.output_tokens_per_s,
        concurrency=shot.concurrency.mean,
        metrics={name: shot.metrics[name] for name in LATENCIES},
        goals=shot.goals,
    )


def tries(points: Sequence[Point]) -> list[Try]:
    """The points as a search sees them."""
    return [Try(point.load, point.met) for point in points]


def sentence(found: Found, axis: Axis, points: Sequence[Point]) -> str:
    """What a search came to, and how sure that is."""
    if found.limit is None:
        lowest = "nothing was measured" if found.missed is None else axis.told(found.missed)
        return f"no {axis.name} met the goals: even the lowest measured, {lowest}, missed"
    head = f"the goals hold up to {axis.told(found.limit)} ({found.met} of {found.tries} tries met)"
    if found.missed is None:
        return f"{head}; nothing higher was asked for"
    above = (
        f"{axis.told(found.missed)} missed in {found.missed_times} of {found.missed_tries} tries"
    )
    return f"{head}; {above}; {_confidence(found, points)}"


def _confidence(found: Found, points: Sequence[Point]) -> str:
    over = [point for point in points if point.load == found.missed and not point.met]
    if over and all(result.met for point in over for result in point.goals):
        return "it missed only by being INVALID, so this machine may be the limit, not the server"
    if found.tries < 2 or found.missed_tries < 2:
        return "the edge was not measured again"
    if found.met == found.tries and found.missed_times == found.missed_tries:
        return "all tries agree"
    return "tries disagree: the edge is as sharp as that, and another search may end beside it"


def _value(result: GoalResult) -> str:
    if result.value is None:
        return "not measured"
    if result.unit == "share":
        return f"{result.value:.2%}"
    return f"{result.value:,.4g} {result.unit}".strip()
