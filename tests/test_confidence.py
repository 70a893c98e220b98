"""Facts about confidence intervals of percentiles."""

from fractions import Fraction
from math import comb
from random import Random

import pytest

from inferswarm.confidence import exact_ranks, least_count, normal_ranks, ranks
from inferswarm.metrics import QUANTILES


def by_counting(count: int, share: Fraction) -> tuple[int, int]:
    """The ranks from the binomial distribution, without a float on the way."""
    upto, total = [], Fraction(0)
    for k in range(count + 1):
        total += comb(count, k) * share**k * (1 - share) ** (count - k)
        upto.append(total)
    tail = Fraction(25, 1000)
    low = max((rank for rank in range(1, count + 1) if upto[rank - 1] <= tail), default=0)
    return low, next(
        rank for rank in range(1, count + 2) if rank > count or upto[rank - 1] >= 1 - tail
    )


@pytest.mark.parametrize("share", ["0.5", "0.9", "0.95", "0.99"])
@pytest.mark.parametrize("count", [1, 5, 6, 35, 36, 71, 72, 150, 400])
def test_ranks_are_those_of_exact_arithmetic(count: int, share: str) -> None:
    """Summing up in floats decides as fractions do."""
    low, high = by_counting(count, Fraction(share))
    wanted = None if low < 1 or high > count else (low, high)
    assert ranks(count, float(share)) == wanted


@pytest.mark.parametrize("share", QUANTILES.values())
def test_the_least_count_is_the_first_that_has_an_interval(share: float) -> None:
    """One request fewer and the upper bound does not exist."""
    least = least_count(share)
    assert ranks(least, share) is not None
    assert ranks(least - 1, share) is None


@pytest.mark.parametrize("share", QUANTILES.values())
@pytest.mark.parametrize("variance", [900, 5_000, 50_000])
def test_the_normal_distribution_is_within_a_rank_of_the_exact_one(
    share: float, variance: int
) -> None:
    """Where the one takes over from the other nothing jumps."""
    count = round(variance / (share * (1 - share)))
    pairs = zip(normal_ranks(count, share), exact_ranks(count, share), strict=True)
    assert all(abs(a - b) <= 1 for a, b in pairs)


@pytest.mark.parametrize(("share", "count"), [(0.5, 40), (0.9, 200), (0.99, 600)])
def test_intervals_hold_the_true_quantile_as_often_as_they_say(share: float, count: int) -> None:
    """Of a thousand samples of known distribution at least 95 in 100 intervals hold it."""
    draw, held = Random(4), 0
    enclosing = ranks(count, share)
    assert enclosing is not None
    for _ in range(1_000):
        values = sorted(draw.random() for _ in range(count))
        held += values[enclosing[0] - 1] <= share <= values[enclosing[1] - 1]
    assert held >= 940


@pytest.mark.parametrize("share", QUANTILES.values())
def test_more_requests_make_a_narrower_interval(share: float) -> None:
    """Relative to the sample, the ranks draw together around the quantile's own."""
    widths = []
    for count in (4_000, 40_000, 400_000, 4_000_000):
        found = ranks(count, share)
        assert found is not None
        assert found[0] <= share * count <= found[1]
        widths.append((found[1] - found[0]) / count)
    assert widths == sorted(widths, reverse=True)
