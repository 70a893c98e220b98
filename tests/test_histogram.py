"""Facts about the histogram: its error, its merging, its memory."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.histogram import DEFAULT_BITS, Histogram
from inferswarm.metrics import QUANTILES
from tests.builders import FUZZ, S

US_TO_1_H = st.integers(1_000, 3_600 * S)
VALUES = st.lists(US_TO_1_H, min_size=1, max_size=300)
PUBLISHED = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99", "p99_9": "0.999"}


def of(values: list[int], bits: int = DEFAULT_BITS) -> Histogram:
    """The histogram of these values."""
    histogram = Histogram(bits=bits)
    for value in values:
        histogram.add(value)
    return histogram


def exact(values: list[int], share: Fraction) -> int:
    """The nearest-rank quantile, without a float on the way."""
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


@FUZZ
@given(VALUES, st.sampled_from([5, 7, 8]))
def test_quantiles_are_within_the_stated_error(values: list[int], bits: int) -> None:
    """From 1 us to 1 h each published quantile is as near the exact one as the histogram says."""
    histogram = of(values, bits)
    for name, share in PUBLISHED.items():
        true = exact(values, Fraction(share))
        assert abs(histogram.quantile(QUANTILES[name]) - true) <= histogram.relative_error * true


def test_the_stated_error_is_two_tenths_of_a_percent() -> None:
    """The error of the default histogram is the documented one."""
    assert Histogram().relative_error == 2**-9


@FUZZ
@given(st.lists(st.integers(0, 511), min_size=1, max_size=200))
def test_values_below_512_are_exact(values: list[int]) -> None:
    """Small counts of tokens are published as they were."""
    histogram = of(values)
    assert [histogram.quantile(q) for q in QUANTILES.values()] == [
        exact(values, Fraction(share)) for share in PUBLISHED.values()
    ]


@FUZZ
@given(VALUES)
def test_count_sum_mean_and_extremes_are_exact(values: list[int]) -> None:
    """Only quantiles are rounded."""
    histogram = of(values)
    assert (histogram.count, histogram.total) == (len(values), sum(values))
    assert (histogram.low, histogram.high) == (min(values), max(values))
    assert histogram.mean == sum(values) / len(values)
    assert histogram.quantile(0) >= histogram.low
    assert histogram.quantile(1) <= histogram.high


@FUZZ
@given(st.lists(st.tuples(US_TO_1_H, st.integers(0, 3)), max_size=200), st.permutations(range(4)))
def test_any_split_merges_to_the_histogram_of_all(
    dealt: list[tuple[int, int]], order: list[int]
) -> None:
    """Parts merged in any order equal the histogram that saw every value."""
    merged = Histogram()
    for part in order:
        merged.merge(of([value for value, where in dealt if where == part]))
    assert merged == of([value for value, _ in dealt])


@FUZZ
@given(st.lists(st.tuples(US_TO_1_H, st.integers(1, 9)), max_size=60))
def test_a_weight_counts_like_adding_again(weighted: list[tuple[int, int]]) -> None:
    """Adding with weight n equals adding n times."""
    histogram = Histogram()
    for value, weight in weighted:
        histogram.add(value, weight)
    assert histogram == of([value for value, weight in weighted for _ in range(weight)])


def test_an_empty_histogram_has_no_mean_and_no_quantile() -> None:
    """Numbers of nothing are NaN, and merging nothing changes nothing."""
    empty = Histogram()
    assert math.isnan(empty.mean)
    assert all(math.isnan(value) for value in empty.quantiles((0.5, 0.99)))
    full = of([1_000_000])
    full.merge(empty)
    empty.merge(full)
    assert full == empty == of([1_000_000])


def test_a_negative_value_counts_as_zero() -> None:
    """A clock that stepped back cannot make a latency below nothing."""
    assert of([-5, 10]) == of([0, 10])


@pytest.mark.parametrize("bits", [5, 7, 8])
def test_memory_is_bounded_by_steps_for_each_power_of_two(bits: int) -> None:
    """However many values come, there are at most `2**bits` steps for each of the 32 powers."""
    histogram = Histogram(bits=bits)
    value = 1_000.0
    while value < 3_600 * S:
        histogram.add(int(value))
        value *= 1.0002
    assert histogram.count > 100_000
    assert len(histogram.steps) <= 32 * 2**bits


@FUZZ
@given(VALUES)
def test_cumulative_ascends_to_the_count(values: list[int]) -> None:
    """The distribution function never falls and ends with every value counted."""
    seen = list(of(values).cumulative())
    assert seen == sorted(seen)
    assert seen[-1][1] == len(values)


def test_histograms_of_other_resolution_do_not_merge() -> None:
    """Coarse and fine steps are never mixed silently."""
    with pytest.raises(ValueError, match="5 and 8 bits"):
        Histogram().merge(Histogram(bits=5))
