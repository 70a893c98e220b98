"""Random draws that are the same to the last bit on every platform and Python.

The C library's `log` and `exp` differ between platforms in the last bit, and a sum carries that on.
So only what IEEE 754 fixes is used here: + - * /, square root, and splitting off the exponent; and
of `random` only what its documentation fixes: seeding and `random()`. Errors are below 1e-11,
far less than a distribution shows; what matters is that they are the same everywhere.
"""

import math
from collections.abc import Callable
from random import Random

_LN_2 = 0.6931471805599453
_SQRT_HALF = 0.7071067811865476
_EXP_FLOOR = -700.0


def generator(*key: object) -> Callable[[], float]:
    """Uniform draws from [0, 1) that follow from `key` alone."""
    seeded = Random()
    seeded.seed(" ".join(map(str, key)), version=2)
    return seeded.random


def ln(x: float) -> float:
    """The natural logarithm of x > 0: the series of artanh, after halving x to near 1."""
    m, exponent = math.frexp(x)
    if m < _SQRT_HALF:
        m += m
        exponent -= 1
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = 1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z / 13)))))
    return exponent * _LN_2 + 2.0 * s * series


def exp(x: float) -> float:
    """The exponential of x <= 700, exactly 0 below -700: a Taylor series, after taking out ln 2."""
    if x < _EXP_FLOOR:
        return 0.0
    doublings = round(x / _LN_2)
    rest = x - doublings * _LN_2
    series = 1.0
    for n in range(11, 0, -1):
        series = 1.0 + rest * series / n
    return math.ldexp(series, doublings)


def normal(uniform: Callable[[], float]) -> float:
    """A standard normal draw: Marsaglia's polar method, of whose two values one is used."""
    while True:
        x = 2.0 * uniform() - 1.0
        y = 2.0 * uniform() - 1.0
        square = x * x + y * y
        if 0.0 < square < 1.0:
            return x * math.sqrt(-2.0 * ln(square) / square)


def gamma(shape: float, uniform: Callable[[], float]) -> float:
    """A gamma draw of scale 1 (Marsaglia and Tsang 2000); below shape 1 by way of shape + 1."""
    if shape < 1.0:
        boost = exp(ln(1.0 - uniform()) / shape)
        return gamma(shape + 1.0, uniform) * boost
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(uniform)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        square = x * x
        u = 1.0 - uniform()
        if u < 1.0 - 0.0331 * square * square:
            return d * v
        if ln(u) < 0.5 * square + d * (1.0 - v + ln(v)):
            return d * v
