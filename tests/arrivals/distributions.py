"""Kolmogorov and Smirnov's measure of how far draws are from what they should be."""

import math
from collections.abc import Callable, Iterable


def distance(drawn: Iterable[float], cumulative: Callable[[float], float]) -> float:
    """Largest distance between the draws' own cumulative distribution and the given one."""
    ordered = sorted(drawn)
    n = len(ordered)
    return max(
        max((place + 1) / n - cumulative(x), cumulative(x) - place / n)
        for place, x in enumerate(ordered)
    )


def limit(n: int) -> float:
    """The distance that n true draws exceed once in a hundred; seeds are fixed, so never here."""
    return 1.628 / math.sqrt(n)
