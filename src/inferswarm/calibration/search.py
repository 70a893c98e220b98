"""Which load to try next, and what the tries amount to: rules over measured steps. Pure.

The load doubles until a step is not carried, then the bracket is narrowed. A step is

carried   when every figure that a report quotes (mean, p50 and p99 of TTFT and ITL) is within 1 %
          of the truth
behind    when the simulator wrote tokens later than their successors were due: it is full, and says
          nothing about the client
disturbed when a figure is further off, but other processes used the machine meanwhile
missed    when the simulator kept its pace, the machine was ours, and a figure is further off

What is missed or disturbed is tried twice, and only what was missed twice is a limit.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from inferswarm.calibration.figures import Figures
from inferswarm.ceiling import Ceiling
from inferswarm.limits import bracket
from inferswarm.limits.bracket import Reach

TOLERANCE = 0.01
TRIES = 2
MOST_STREAMS = 8_192
MOST_OTHERS_CORES = 0.25
"""What other processes may use of the machine before an error may be theirs."""


class Result(StrEnum):
    """What a step showed."""

    CARRIED = "carried"
    MISSED = "missed"
    DISTURBED = "disturbed"
    BEHIND = "behind"


class Step(msgspec.Struct, frozen=True):
    """One measured load."""

    streams: int
    rate_per_s: float
    result: Result


class Effort(msgspec.Struct, frozen=True):
    """How a search goes: its first load, the factor of its ramp, and the bracket that is fine enough."""

    first: int = 16
    factor: int = 2
    fine: float = 1.25


def judge(figures: Figures, itl_ms: float, others_cores: float) -> Result:
    """What a step showed; `itl_ms` is the pace that the simulator was asked for.

    `others_cores` is the CPU that other processes used meanwhile, in cores.
    """
    if figures.server_late_p99_ms > itl_ms:
        return Result.BEHIND
    if not figures.trouble and figures.worst[0] <= TOLERANCE:
        return Result.CARRIED
    return Result.DISTURBED if others_cores > MOST_OTHERS_CORES else Result.MISSED


def following(steps: Sequence[Step], effort: Effort) -> int | None:
    """The load to try next; None when there is nothing more to learn."""
    if not steps:
        return effort.first
    last = steps[-1]
    again = last.result in (Result.MISSED, Result.DISTURBED)
    if again and sum(step.streams == last.streams for step in steps) < TRIES:
        return last.streams
    carried, failed = _bracket(steps)
    reach = Reach(1, MOST_STREAMS, effort.factor, effort.fine, whole=True)
    further = bracket.following(carried, failed, reach)
    return None if further is None else int(further)


def best(steps: Sequence[Step]) -> Step | None:
    """The highest load that was carried."""
    carried = [step for step in steps if step.result is Result.CARRIED]
    return max(carried, key=lambda step: (step.streams, step.rate_per_s), default=None)


def missed(steps: Sequence[Step]) -> Step | None:
    """The lowest load that was missed each time it was tried, if any; of its steps the slowest."""
    bad = [step for step in steps if step.result is Result.MISSED]
    sure = [step for step in bad if sum(one.streams == step.streams for one in bad) >= TRIES]
    return min(sure, key=lambda step: (step.streams, step.rate_per_s), default=None)


def ceiling(steps: Sequence[Step]) -> Ceiling:
    """What the steps amount to; a bound only where something else than the client ended first."""
    good, bad = best(steps), missed(steps)
    carried = good.rate_per_s if good else 0.0
    # A client that is late asks less often, so a higher load may bring a lower rate.
    return Ceiling(carried, None if bad is None else max(carried, bad.rate_per_s))


def _bracket(steps: Sequence[Step]) -> tuple[int | None, int | None]:
    """(highest load carried, lowest load above it that was not)."""
    good = best(steps)
    low = good.streams if good else None
    above = [step.streams for step in steps if low is None or step.streams > low]
    return low, min(above, default=None)
