"""Student's t distribution: how often chance alone goes so far."""

import math
from functools import lru_cache

_TINY = 1e-300
_EXACT = 1e-15
_MOST_TERMS = 500


def beyond(t: float, freedom: float) -> float:
    """The probability that chance goes as far as `t` from 0, to either side."""
    if math.isinf(t):
        return 0.0
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


@lru_cache(maxsize=1_024)
def limit(probability: float, freedom: float) -> float:
    """The distance from 0 that chance goes beyond, to either side, with this probability."""
    low, high = 0.0, 1.0
    while beyond(high, freedom) > probability:
        low, high = high, high * 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle, freedom) > probability else (low, middle)
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast only on the other side
        return 1 - _incomplete_beta(b, a, 1 - x)
    log_whole = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - log_whole)
    return front * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    """Its continued fraction, by Lentz's method."""
    upper, lower = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    found = lower
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            lower = 1 / _away(1 + term * lower)
            upper = _away(1 + term / upper)
            found *= lower * upper
        if abs(lower * upper - 1) < _EXACT:
            break
    return found


def _away(value: float) -> float:
    """The same, but never 0."""
    return value if abs(value) > _TINY else _TINY
