"""Whether a run reached its goals."""

from collections.abc import Iterable

from msgspec.structs import replace

from inferswarm.goals.goodput import Goodput
from inferswarm.goals.quantities import LOW, QUANTITIES, Quantity
from inferswarm.goals.results import GoalResult
from inferswarm.goals.values import Goal
from inferswarm.snapshot import MetricStats, Snapshot
from inferswarm.window import Measured


def judged(
    shot: Snapshot, slo: Iterable[Goal], goodput: Goodput | None, measured: Measured
) -> Snapshot:
    """The snapshot with its goodput, if it was counted, and with how it stands to each goal."""
    stats = None if goodput is None else goodput.stats(measured)
    with_goodput = replace(shot, goodput=stats)
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
    if not quantity.quantile:
        return ""
    stats = shot.metrics[quantity.metric]
    return "; ".join(_doubts(goal, quantity.quantile, stats, value))


def _why_nothing(quantity: Quantity, shot: Snapshot) -> str:
    if not shot.requests.attempted:
        return "no request was sent"
    if not shot.requests.succeeded:
        return "no request succeeded"
    return f"no successful request tells its {quantity.metric}"


def _doubts(goal: Goal, quantile: str, stats: MetricStats, value: float) -> Iterable[str]:
    """Why another run like this one might come out on the other side."""
    if quantile in stats.too_few:
        yield f"{stats.count:,} values are few for this percentile"
    between = stats.ci95.get(quantile)
    if between is not None and between[0] <= goal.limit <= between[1]:
        low, high = between
        yield f"close: the 95 % interval, {low:,.4g} to {high:,.4g} {stats.unit}, holds the limit"
    elif abs(value - goal.limit) <= stats.relative_error * value:
        yield f"close: within the error of a percentile, {stats.relative_error:.1%}"
