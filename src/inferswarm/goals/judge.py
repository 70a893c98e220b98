"""Whether a run reached its goals."""

import math
from collections.abc import Iterable

from msgspec.structs import replace

from inferswarm.goals.goodput import Goodput
from inferswarm.goals.quantities import LOW, QUANTITIES, Quantity
from inferswarm.goals.results import GoalResult
from inferswarm.goals.values import Goal
from inferswarm.snapshot import MetricStats, Snapshot


def judged(shot: Snapshot, slo: Iterable[Goal], goodput: Goodput, span_ns: int) -> Snapshot:
    """The snapshot with its goodput and with how it stands to each goal."""
    with_goodput = replace(shot, goodput=goodput.stats(span_ns))
    return replace(with_goodput, goals=[judge(goal, with_goodput) for goal in slo])


def judge(goal: Goal, shot: Snapshot) -> GoalResult:
    """One goal; without a value it is missed, and the note says why."""
    quantity = QUANTITIES[goal.quantity]
    value = quantity.read(shot)
    return GoalResult(
        goal=goal.text,
        value=value,
        limit=goal.limit,
        unit=quantity.unit,
        met=value is not None and goal.met(value),
        margin=_margin(goal, value),
        preset=goal.preset,
        note=_note(goal, quantity, value, shot),
    )


def all_met(shot: Snapshot) -> bool:
    """Whether no goal was missed; so it is when there are none."""
    return all(result.met for result in shot.goals)


def _margin(goal: Goal, value: float | None) -> float | None:
    if value is None or not goal.limit:
        return None
    room = goal.limit - value if goal.comparison.startswith(LOW) else value - goal.limit
    return room / goal.limit


def _note(goal: Goal, quantity: Quantity, value: float | None, shot: Snapshot) -> str:
    if value is None:
        return f"no value: {_why_nothing(quantity, shot)}"
    if quantity.share is None:
        return ""
    stats = shot.metrics[quantity.metric]
    return "; ".join([*_of_few(stats, quantity.share), *_of_error(goal, stats, value)])


def _why_nothing(quantity: Quantity, shot: Snapshot) -> str:
    if not shot.requests.attempted:
        return "no request was sent"
    if not shot.requests.succeeded:
        return "no request succeeded"
    return f"no successful request tells its {quantity.metric}"


def _of_few(stats: MetricStats, share: float) -> Iterable[str]:
    if math.ceil(share * stats.count) == stats.count:
        yield f"only {stats.count:,} values: this is the largest of them"


def _of_error(goal: Goal, stats: MetricStats, value: float) -> Iterable[str]:
    if abs(value - goal.limit) <= stats.relative_error * value:
        yield f"within the error of a quantile, {stats.relative_error:.1%}, of the limit"
