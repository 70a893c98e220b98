"""From two estimates to a difference with an interval, and to a call that holds up.

The difference of two runs is compared with its standard error by Student's t, with Welch's degrees of
freedom. A table holds many comparisons, so their probabilities are corrected as Holm (1979) does: at
most one table in twenty calls anything at all where nothing differs. And what is called must matter:
be larger than the floor asked for, and than our own measuring error.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from inferswarm.compare import student
from inferswarm.compare.bootstrap import Estimate
from inferswarm.compare.estimates import Quantity
from inferswarm.goals.quantities import MS
from inferswarm.histogram import Histogram

LEVEL = 0.95
ALPHA = 1 - LEVEL
POWER = 0.8
"""How probably a run like this one would show the smallest difference that is named."""
FLOOR = 0.02
FLOOR_OF_SHARE = 0.001
"""Floor of a difference of shares, as of the error rate: a tenth of a percentage point."""
HISTOGRAM_ERROR = 2 * Histogram().relative_error
"""How far a ratio of two quantiles may be off because each is the middle of a step."""
RESOLUTION_MS = 0.05
"""Two arrival times on the kernel's clock, each within about 0.02 ms of the sender's."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What separates a later run from the first; `p_holm` is filled by `corrected`.

    `change`, `low`, `high`, `error` and `floor` are shares, or for a share of requests differences.
    """

    change: float
    absolute: float
    low: float
    high: float
    p: float
    error: float
    freedom: float
    floor: float
    p_holm: float = 1.0


def difference(quantity: Quantity, first: Estimate, later: Estimate, floor: float = FLOOR) -> (
    Difference | str
):  # fmt: skip
    """The difference, or why there is none that could be judged."""
    if first.value is None or later.value is None:
        return "no value" if first.value is later.value else "no value in one of the runs"
    if quantity.relative and min(first.value, later.value) <= 0:
        return "a value is 0"
    if first.error is None or later.error is None:
        return first.why_not or later.why_not or "its error is not known"
    logarithmic = quantity.relative
    step = math.log(later.value / first.value) if logarithmic else later.value - first.value
    error, freedom = _welch(first, later)
    reach = student.limit(ALPHA, freedom) * error
    off = HISTOGRAM_ERROR if quantity.stepped else 0.0
    return Difference(
        change=_share(step, logarithmic),
        absolute=later.value - first.value,
        low=_share(step - reach, logarithmic) - off,
        high=_share(step + reach, logarithmic) + off,
        p=_chance(step, error, freedom),
        error=error,
        freedom=freedom,
        floor=_floor(quantity, first.value, floor),
    )


def holm(chances: Sequence[float]) -> list[float]:
    """Probabilities corrected for their number: the smallest times all, the next times one less."""
    ranked = sorted(range(len(chances)), key=lambda at: chances[at])
    corrected, highest = [1.0] * len(chances), 0.0
    for rank, at in enumerate(ranked):
        highest = max(highest, min(1.0, chances[at] * (len(chances) - rank)))
        corrected[at] = highest
    return corrected


def is_shown(found: Difference) -> bool:
    """Whether chance alone is ruled out, all comparisons of the table in mind."""
    return found.p_holm < ALPHA


def matters(found: Difference) -> bool:
    """Whether it is larger than the floor and than what we can measure."""
    return abs(found.change) > found.floor


def is_worse(quantity: Quantity, found: Difference) -> bool:
    """Whether the later run is the worse one."""
    return (found.change > 0) == quantity.lower


def smallest(quantity: Quantity, found: Difference, comparisons: int) -> float:
    """The least difference that runs like these would show, four times in five."""
    far = student.limit(ALPHA / comparisons, found.freedom) + NormalDist().inv_cdf(POWER)
    return max(_share(far * found.error, quantity.relative), found.floor)


def _welch(first: Estimate, later: Estimate) -> tuple[float, float]:
    """Standard error of a difference, and its degrees of freedom."""
    squares = [(one.error or 0.0) ** 2 for one in (first, later)]
    parts = [
        square**2 / (one.blocks - 1) for square, one in zip(squares, (first, later), strict=True)
    ]
    whole = sum(squares)
    if not whole:
        return 0.0, first.blocks + later.blocks - 2
    return math.sqrt(whole), whole**2 / sum(parts)


def _chance(step: float, error: float, freedom: float) -> float:
    if not error:
        return 0.0 if step else 1.0
    return student.beyond(abs(step) / error, freedom)


def _share(step: float, logarithmic: bool) -> float:  # noqa: FBT001 - read beside its one value
    return math.expm1(step) if logarithmic else step


def _floor(quantity: Quantity, first: float, asked: float) -> float:
    if not quantity.relative:
        return FLOOR_OF_SHARE
    stepped = HISTOGRAM_ERROR if quantity.stepped else 0.0
    stamped = RESOLUTION_MS / first if quantity.unit == MS else 0.0
    return max(asked, stepped + stamped)
