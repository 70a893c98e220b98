"""Facts about arrivals at one per unit of time."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.arrivals.process import FAN_OUT, Even, Renewal
from tests.arrivals.distributions import distance, limit
from tests.builders import FUZZ

N = 20_000
SHAPES = [0.01, 0.5, 1.0, 2.0, 1_000.0]


def gaps(shape: float, seed: int, ks: range) -> list[float]:
    """The gaps before arrivals `ks`."""
    process = Renewal(shape, seed)
    return [process.position(k) - (process.position(k - 1) if k else 0.0) for k in ks]


CLOSED: dict[float, Callable[[float], float]] = {
    0.5: lambda x: math.erf(math.sqrt(x / 2)),
    1.0: lambda x: 1 - math.exp(-x),
    2.0: lambda x: 1 - math.exp(-2 * x) * (1 + 2 * x),
}


def test_even_arrivals_lie_at_whole_units() -> None:
    """The first at once."""
    assert [Even().position(k) for k in (0, 1, 2, 10**9)] == [0, 1, 2, 10**9]


@pytest.mark.parametrize("shape", CLOSED)
@pytest.mark.parametrize("seed", [0, 1])
def test_gaps_have_their_distribution(shape: float, seed: int) -> None:
    """Kolmogorov-Smirnov against the gamma distribution of mean 1; of shape 1, the exponential."""
    assert distance(gaps(shape, seed, range(N)), CLOSED[shape]) < limit(N)


@pytest.mark.parametrize("shape", CLOSED)
def test_gaps_at_the_seams_of_the_tree_are_like_others(shape: float) -> None:
    """The first gap of each span of 128 arrivals has the same distribution."""
    process = Renewal(shape, 100)
    seams = range(0, 1_000 * FAN_OUT, FAN_OUT)
    drawn = [process.position(k) - (process.position(k - 1) if k else 0.0) for k in seams]
    assert distance(drawn, CLOSED[shape]) < limit(len(drawn))


@pytest.mark.parametrize("shape", CLOSED)
def test_neighbouring_gaps_are_independent(shape: float) -> None:
    """Their correlation is within three standard errors of none."""
    drawn = [gap - 1 for gap in gaps(shape, 4, range(N))]
    together = math.fsum(a * b for a, b in pairwise(drawn))
    assert abs(together / math.fsum(a * a for a in drawn)) < 3 / math.sqrt(N)


@pytest.mark.parametrize("shape", CLOSED)
@pytest.mark.parametrize("width", [128, 1_000, 16_384])
def test_spans_of_many_gaps_spread_as_sums_of_independent_ones(shape: float, width: int) -> None:
    """A sum of n gaps has variance n / shape, so no level of the tree adds or takes any."""
    process = Renewal(shape, 5)
    ends = [process.position(k * width) for k in range(401)]
    spans = [after - before for before, after in pairwise(ends)]
    mean = math.fsum(spans) / len(spans)
    variance = math.fsum((span - mean) ** 2 for span in spans) / (len(spans) - 1)
    assert mean == pytest.approx(width, abs=4 * math.sqrt(width / shape / len(spans)))
    assert variance == pytest.approx(width / shape, rel=4 * math.sqrt(2 / len(spans)))


@pytest.mark.parametrize("shape", SHAPES)
def test_arrivals_are_one_per_unit_over_hours(shape: float) -> None:
    """Far away the position is the number, within five standard deviations, and takes no walk."""
    k = 400_000_000
    assert Renewal(shape, 6).position(k) == pytest.approx(k, abs=5 * math.sqrt(k / shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_arrivals_never_go_backwards(shape: float) -> None:
    """Also over the seams of spans, where sums are rounded."""
    process = Renewal(shape, 7)
    start = 128**3 - 2_000
    for range_of_ks in (range(4_000), range(start, start + 4_000)):
        positions = [process.position(k) for k in range_of_ks]
        assert positions == sorted(positions)


@FUZZ
@given(
    st.sampled_from(SHAPES), st.integers(), st.lists(st.integers(0, 10**7), min_size=1, max_size=5)
)
def test_a_position_follows_from_the_number_alone(shape: float, seed: int, ks: list[int]) -> None:
    """Whatever was asked before, and in whatever order."""
    asked = Renewal(shape, seed)
    forwards = [asked.position(k) for k in ks]
    assert [Renewal(shape, seed).position(k) for k in ks] == forwards
    assert [asked.position(k) for k in reversed(ks)] == forwards[::-1]


def test_seeds_give_other_arrivals() -> None:
    """Negative seeds too."""
    firsts = {Renewal(1.0, seed).position(0) for seed in (-2, -1, 0, 1, 2)}
    assert len(firsts) == 5
