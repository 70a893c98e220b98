"""Facts about Student's t distribution, against published tables."""

import math

import pytest

from inferswarm.compare import student


@pytest.mark.parametrize(
    ("probability", "freedom", "t"),
    [
        (0.05, 1, 12.7062),
        (0.05, 2, 4.30265),
        (0.05, 10, 2.22814),
        (0.01, 10, 3.16927),
        (0.05, 30, 2.04227),
        (0.001, 5, 6.86883),
        (0.05, 120, 1.97993),
        (0.05, 1e7, 1.95996),
    ],
)
def test_limits_are_those_of_the_tables(probability: float, freedom: float, t: float) -> None:
    """Both ways: from the probability to t, and back."""
    assert student.limit(probability, freedom) == pytest.approx(t, rel=1e-4)
    assert student.beyond(t, freedom) == pytest.approx(probability, rel=1e-3)


def test_one_degree_of_freedom_is_cauchys() -> None:
    """Its probability is known in closed form, near 0 and far out."""
    for t in (0.01, 0.5, 1.0, 3.0, 1_000.0):
        assert student.beyond(t, 1) == pytest.approx(1 - 2 * math.atan(t) / math.pi, rel=1e-9)


def test_the_ends() -> None:
    """Chance always goes as far as 0, and never to infinity."""
    assert student.beyond(0.0, 7.5) == 1.0
    assert student.beyond(math.inf, 7.5) == 0.0
