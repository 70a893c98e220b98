"""Which load comes next between one that is known to be good and one that is known to be bad. Pure."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """Within what a search moves, and how.

    It goes from `least` to `most`, by `factor` while it has no bracket, until the bracket's ends are
    no further apart than `fine`. `whole` loads are whole numbers, others have four digits.
    """

    least: float
    most: float
    factor: float = 2.0
    fine: float = 1.05
    whole: bool = False

    def rounded(self, load: float) -> float:
        """A load as it can be asked for."""
        return math.floor(load) if self.whole else float(f"{load:.4g}")


def following(good: float | None, bad: float | None, reach: Reach) -> float | None:
    """The load to try next; None when nothing more is to be learned. One of both must be given."""
    if good is None:
        return _nearer(bad, reach)
    if bad is None:
        return min(reach.rounded(good * reach.factor), reach.most) if good < reach.most else None
    between = max(reach.rounded(math.sqrt(good * bad)), good + 1 if reach.whole else good)
    return None if bad <= good * reach.fine or between in (good, bad) else between


def _nearer(bad: float | None, reach: Reach) -> float | None:
    if bad is None or bad <= reach.least:
        return None
    return max(reach.rounded(bad / reach.factor), reach.least)
