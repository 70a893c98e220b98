"""Facts about random draws that are the same everywhere."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.draws import exp, gamma, generator, ln, normal
from tests.arrivals.distributions import distance, limit
from tests.builders import FUZZ

DRAWS = 20_000
PINNED = [
    "0x1.461ca93787becp-1",
    "0x1.1d9e8a91874c9p+0",
    "0x1.acae0569c44afp-13",
    "0x1.15372541e262ap+7",
    "-0x1.34378fcbda721p+0",
    "0x1.50385c094f422p-4",
]


@FUZZ
@given(st.floats(1e-300, 1e300))
def test_the_logarithm_is_right(x: float) -> None:
    """As the platform's, but for an error that no distribution shows."""
    assert ln(x) == pytest.approx(math.log(x), rel=1e-11, abs=1e-11)


@FUZZ
@given(st.floats(-699, 699))
def test_the_exponential_is_right(x: float) -> None:
    """As the platform's, but for an error that no distribution shows."""
    assert exp(x) == pytest.approx(math.exp(x), rel=1e-11)


def test_the_exponential_of_little_is_nothing() -> None:
    """Far down it is 0, not an error."""
    assert exp(-1e6) == 0.0


def test_a_generator_follows_from_its_key() -> None:
    """The same key gives the same draws, another key others."""
    one, same, other = generator("a", 1), generator("a", 1), generator("a", 2)
    drawn = [one() for _ in range(5)]
    assert drawn == [same() for _ in range(5)]
    assert drawn != [other() for _ in range(5)]


def test_draws_are_pinned_to_the_last_bit() -> None:
    """These literals hold on every platform; another value is another schedule for every seed."""
    uniform = generator("pinned", 7)
    assert [uniform().hex(), normal(uniform).hex(), gamma(0.5, uniform).hex()] == PINNED[:3]
    assert [gamma(128.0, uniform).hex(), ln(0.3).hex(), exp(-2.5).hex()] == PINNED[3:]


def test_normal_draws_are_normal() -> None:
    """Kolmogorov-Smirnov against the error function."""
    uniform = generator("normal", 1)
    drawn = [normal(uniform) for _ in range(DRAWS)]
    assert distance(drawn, lambda x: 0.5 * (1 + math.erf(x / math.sqrt(2)))) < limit(DRAWS)


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0])
def test_gamma_draws_are_gamma(shape: float) -> None:
    """Kolmogorov-Smirnov against the closed forms of shapes 1/2, 1 and 2."""
    closed = {
        0.5: lambda x: math.erf(math.sqrt(x)),
        1.0: lambda x: 1 - math.exp(-x),
        2.0: lambda x: 1 - math.exp(-x) * (1 + x),
    }
    uniform = generator("gamma", shape)
    drawn = [gamma(shape, uniform) for _ in range(DRAWS)]
    assert distance(drawn, closed[shape]) < limit(DRAWS)


@pytest.mark.parametrize("shape", [0.01, 0.3, 7.5, 128.0, 2_097_152.0])
def test_gamma_draws_have_mean_and_variance_of_their_shape(shape: float) -> None:
    """Within four standard errors, also for shapes far from 1."""
    uniform = generator("moments", shape)
    drawn = [gamma(shape, uniform) for _ in range(DRAWS)]
    mean = math.fsum(drawn) / DRAWS
    variance = math.fsum((x - mean) ** 2 for x in drawn) / (DRAWS - 1)
    assert mean == pytest.approx(shape, abs=4 * math.sqrt(shape / DRAWS))
    kurtosis = 3 + 6 / shape
    assert variance == pytest.approx(shape, rel=4 * math.sqrt((kurtosis - 1) / DRAWS))
