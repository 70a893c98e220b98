"""What one worker was seen to carry with true times, and what to say of a run that went beyond."""

from typing import Any

import msgspec

from inferswarm.timeline import Timeline

ALLOWED_EXCESS = 0.05
"""By how much a run may pass what was carried: the busiest second of a longer run is a little busier."""


class Ceiling(msgspec.Struct, frozen=True):
    """A rate of one worker, counted in its busiest second.

    `carried_per_s` was carried with times within the tolerance, 0 when nothing was;
    `missed_per_s` was not, None when no such rate was found: then the first is only a lower bound.
    """

    carried_per_s: float
    missed_per_s: float | None = None


class Ceilings(msgspec.Struct, frozen=True):
    """What was calibrated, when; None where it was not."""

    tokens: Ceiling | None = None
    requests: Ceiling | None = None
    measured: str = ""


class Peaks(msgspec.Struct, frozen=True):
    """A run's rates per worker in the busiest bucket of its timeline."""

    tokens_per_s: float
    requests_per_s: float


class Beyond(msgspec.Struct, frozen=True):
    """What is to be said: reasons against a run, and warnings that leave it valid."""

    reasons: list[str]
    warnings: list[str]


def peaks(timeline: Timeline, workers: int) -> Peaks:
    """The busiest bucket of each kind, shared evenly among the workers."""
    share = timeline.width_s * max(1, workers)
    buckets = timeline.buckets.values()
    return Peaks(
        tokens_per_s=max((bucket.output_tokens for bucket in buckets), default=0) / share,
        requests_per_s=max((bucket.ended for bucket in buckets), default=0) / share,
    )


def check(peak: Peaks, ceilings: Ceilings) -> Beyond:
    """A run against what was calibrated.

    A rate at which times are known to be wrong is a reason; one that is only higher than any tried
    with success is a warning.
    """
    said = Beyond([], [])
    for unit, rate, ceiling in (
        ("tokens/s", peak.tokens_per_s, ceilings.tokens),
        ("requests/s", peak.requests_per_s, ceilings.requests),
    ):
        if ceiling is not None and rate > ceiling.carried_per_s * (1 + ALLOWED_EXCESS):
            missed = ceiling.missed_per_s
            known_wrong = missed is not None and rate >= missed
            (said.reasons if known_wrong else said.warnings).append(_sentence(rate, unit, ceiling))
    return said


def check_run(run: dict[str, Any], timeline: Timeline, workers: int) -> Beyond:
    """The same for a run folder: `run` is what `run.json` says, ceilings under `calibration` if any."""
    try:
        ceilings = msgspec.convert(run.get("calibration") or {}, Ceilings)
    except msgspec.ValidationError:
        ceilings = Ceilings()  # written by another version: nothing is known, nothing is said
    return check(peaks(timeline, workers), ceilings)


def _sentence(rate: float, unit: str, ceiling: Ceiling) -> str:
    missed = ceiling.missed_per_s
    why = (
        "whether its times are true so fast is not known"
        if missed is None
        else f"its times were no longer true at {missed:,.0f}"
    )
    return (
        f"{rate:,.0f} {unit} per worker in the busiest second is beyond the calibrated "
        f"{ceiling.carried_per_s:,.0f} ({why}): add workers or calibrate again"
    )
