"""How far a percentile of a sample may be from that of the server: intervals by order statistics.

Of n independent values sorted ascending, the number that lies below the true quantile of share p is
binomial (n, p), whatever the distribution of the values. So the values of ranks l and u enclose it
with a probability that follows from n and p alone. Each side may be wrong in at most half of
1 - LEVEL; where even the greatest value is not high enough for that, there is no interval, and the
sample is too small for the percentile.
"""

import math
from functools import lru_cache
from statistics import NormalDist

LEVEL = 0.95
_TAIL = (1 - LEVEL) / 2
_MOST_EXACT_VARIANCE = 1_000.0
"""Up to here the binomial is summed up, above the normal distribution is within a rank of it."""


@lru_cache(maxsize=1_024)
def ranks(count: int, share: float) -> tuple[int, int] | None:
    """Ranks (from 1) of the values that enclose a quantile; None when the sample is too small."""
    if count < least_count(share):
        return None
    exact = count * share * (1 - share) <= _MOST_EXACT_VARIANCE
    low, high = exact_ranks(count, share) if exact else normal_ranks(count, share)
    return (low, high) if low >= 1 and high <= count else None


def least_count(share: float) -> int:
    """The smallest sample that has an interval for this quantile."""
    return math.ceil(math.log(_TAIL) / math.log(max(share, 1 - share)))


def exact_ranks(count: int, share: float) -> tuple[int, int]:
    """By the binomial distribution itself; 0 or count + 1 stand for a bound that does not exist."""
    below = max(0, math.floor(count * share - 12 * (math.sqrt(count * share * (1 - share)) + 1)))
    odds = share / (1 - share)
    probability = math.exp(_log_probability(count, below, share))
    upto, low, k = probability, None, below
    while k < count:
        if low is None and upto > _TAIL:
            low = k
        if upto >= 1 - _TAIL:
            break
        probability *= odds * (count - k) / (k + 1)
        upto += probability
        k += 1
    return (k if low is None else low), k + 1


def normal_ranks(count: int, share: float) -> tuple[int, int]:
    """By the normal distribution with a continuity correction, for large samples."""
    wide = NormalDist().inv_cdf(1 - _TAIL) * math.sqrt(count * share * (1 - share))
    return math.floor(count * share - wide + 0.5), math.ceil(count * share + wide + 0.5)


def _log_probability(count: int, k: int, share: float) -> float:
    ways = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
    return ways + k * math.log(share) + (count - k) * math.log1p(-share)
