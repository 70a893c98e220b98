"""Facts about differences: their intervals, their correction, and what is called."""

import pytest

from inferswarm.compare.calls import (
    FLOOR_OF_SHARE,
    HISTOGRAM_ERROR,
    Difference,
    difference,
    holm,
    is_worse,
    matters,
    smallest,
)
from inferswarm.compare.estimates import QUANTITIES
from tests.compare.sample import known

MEAN, P50 = QUANTITIES["e2e.mean"], QUANTITIES["itl.p50"]
RATE, ERRORS = QUANTITIES["throughput.requests"], QUANTITIES["error_rate"]


def found(*given: object) -> Difference:
    """The difference, which must be there."""
    made = difference(*given)  # type: ignore[arg-type]
    assert isinstance(made, Difference)
    return made


def test_a_difference_is_a_share_of_the_first_value() -> None:
    """With an interval around it, by t, the errors of both runs in it."""
    one = found(MEAN, known(100.0), known(110.0))
    assert one.change == pytest.approx(0.1)
    assert one.absolute == pytest.approx(10.0)
    assert one.error == pytest.approx(0.01 * 2**0.5)
    assert one.freedom == pytest.approx(38)
    assert (one.low, one.high) == pytest.approx((1.1 / 1.02904 - 1, 1.1 * 1.02904 - 1), abs=1e-4)
    assert one.p < 1e-6


def test_the_interval_of_a_percentile_is_wider_by_the_steps_of_the_histograms() -> None:
    """Two values each in the middle of a step are no nearer to the truth than the steps are wide."""
    exact, stepped = (found(what, known(20.0, 0.0), known(22.0, 0.0)) for what in (MEAN, P50))
    assert (exact.low, exact.high) == pytest.approx((0.1, 0.1))
    assert (stepped.low, stepped.high) == pytest.approx(
        (0.1 - HISTOGRAM_ERROR, 0.1 + HISTOGRAM_ERROR)
    )


def test_shares_of_requests_differ_in_points() -> None:
    """A rate of 0 has no share of itself."""
    one = found(ERRORS, known(0.0, 0.002), known(0.01, 0.002))
    assert (one.change, one.absolute) == (0.01, 0.01)
    assert one.floor == FLOOR_OF_SHARE
    assert is_worse(ERRORS, one)


@pytest.mark.parametrize(
    ("first", "later", "why"),
    [
        (known(None), known(None), "no value"),
        (known(1.0), known(None), "no value in one of the runs"),
        (known(0.0), known(1.0), "a value is 0"),
        (known(1.0, None), known(1.0), "for a reason"),
        (known(1.0), known(1.0, None), "for a reason"),
    ],
)
def test_what_cannot_be_judged_says_why(first: object, later: object, why: str) -> None:
    """In place of a difference."""
    assert difference(MEAN, first, later) == why  # type: ignore[arg-type]


def test_the_same_number_without_any_error_is_no_difference() -> None:
    """Nor does one that is certain need chance."""
    assert found(MEAN, known(5.0, 0.0), known(5.0, 0.0)).p == 1.0
    assert found(MEAN, known(5.0, 0.0), known(6.0, 0.0)).p == 0.0


def test_a_run_with_the_larger_error_decides_the_degrees_of_freedom() -> None:
    """As Welch has it: those of the worse known one, not the sum."""
    one = found(MEAN, known(5.0, 0.0001, 100), known(5.0, 0.1, 10))
    assert one.freedom == pytest.approx(9, abs=0.1)


def test_holm_corrects_the_smallest_most() -> None:
    """The worked example of any textbook; never above 1, never out of order."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_less_is_worse_for_throughput_alone() -> None:
    """The direction follows from the quantity."""
    less, more = (found(RATE, known(10.0), known(value)) for value in (9.0, 11.0))
    assert [is_worse(RATE, one) for one in (less, more)] == [True, False]
    assert [is_worse(MEAN, one) for one in (less, more)] == [False, True]


@pytest.mark.parametrize(
    ("first", "later", "floor", "counts"),
    [
        (100.0, 101.9, 0.02, False),
        (100.0, 102.1, 0.02, True),
        (100.0, 100.3, 0.0, False),  # within the steps of the histograms
        (100.0, 100.6, 0.0, True),
        (1.0, 1.04, 0.0, False),  # within what arrival times are good for
        (1.0, 1.06, 0.0, True),
    ],
)
def test_what_matters_is_above_the_floor_and_our_own_error(
    first: float, later: float, floor: float, *, counts: bool
) -> None:
    """Whichever of the two is larger."""
    assert matters(found(P50, known(first), known(later), floor)) is counts


def test_the_smallest_difference_grows_with_errors_and_comparisons() -> None:
    """And is never below the floor."""
    one = found(MEAN, known(100.0), known(101.0))
    assert 0.04 < smallest(MEAN, one, 1) < smallest(MEAN, one, 28) < 0.09
    assert smallest(MEAN, found(MEAN, known(1e6, 0.0), known(1e6, 0.0)), 28) == 0.02
