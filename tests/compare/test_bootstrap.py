"""Facts about the bootstrap: what it draws, and that its errors are those of other runs."""

import math
from statistics import NormalDist

import pytest

from inferswarm.compare import bootstrap, student
from inferswarm.compare.blocks import GRAINS
from inferswarm.compare.bootstrap import LEAST_BLOCKS, Draws, Quantiles, draws
from inferswarm.histogram import Histogram
from tests.compare.sample import TTFT_MS, TTFT_SIGMA, estimated, served

TRUTH = {
    "ttft.mean": TTFT_MS * math.exp(TTFT_SIGMA**2 / 2),
    "ttft.p50": TTFT_MS,
    "ttft.p90": TTFT_MS * math.exp(TTFT_SIGMA * NormalDist().inv_cdf(0.9)),
}


def of(*values: int) -> Histogram:
    """A grain with these values."""
    made = Histogram()
    made.add_all(list(values))
    return made


def once(grains: int) -> Draws:
    """Each block drawn once, side by side, many times: the run itself."""
    begins = range(0, grains, GRAINS)
    return Draws(grains, ((lambda column: tuple(column[at] for at in begins)),) * 100)


def test_draws_are_as_long_as_the_run_and_follow_from_the_seed() -> None:
    """As many blocks as fit, beginning anywhere on the circle."""
    drawn = draws(40, "a", 50)
    begins = [pick(range(40)) for pick in drawn.picks]
    assert {len(one) for one in begins} == {10}
    assert len({at for one in begins for at in one}) == 40
    assert begins == [pick(range(40)) for pick in draws(40, "a", 50).picks]
    assert begins != [pick(range(40)) for pick in draws(40, "b", 50).picks]


def test_too_few_blocks_are_not_drawn_from() -> None:
    """The value is told, its error is not, and the reason says what to do."""
    drawn = draws(GRAINS * LEAST_BLOCKS - 1, "a")
    found = bootstrap.mean([of(7)] * drawn.grains, drawn)
    assert (found.value, found.error) == (7, None)
    assert "load longer" in found.why_not


def test_a_run_drawn_as_it_was_has_its_own_numbers_and_no_error() -> None:
    """Mean, quantiles, rate and share come out of the blocks as they went in."""
    grains = [of(*range(1 + at % 8, 100 + at % 8)) for at in range(40)]
    whole = Histogram()
    for one in grains:
        whole.merge(one)
    shares = (0.5, 0.9, 0.99)
    drawn = once(40)
    found = list(Quantiles(grains).estimates(shares, drawn))
    assert [one.value for one in found] == whole.quantiles(shares)
    assert [one.error for one in found] == pytest.approx([0.0] * 3, abs=1e-9)
    assert bootstrap.mean(grains, drawn).value == pytest.approx(whole.mean)
    assert bootstrap.mean(grains, drawn).error == pytest.approx(0.0, abs=1e-9)
    assert bootstrap.rate([3] * 40, 60.0, drawn).value == 2.0
    assert bootstrap.share([1] * 40, [4] * 40, drawn).value == 0.25


def test_no_failure_is_no_certainty() -> None:
    """The error of a share is never below that of as many independent requests."""
    few = bootstrap.share([0] * 40, [1] * 40, draws(40, "a", 200))
    many = bootstrap.share([0] * 40, [1_000] * 40, draws(40, "a", 200))
    assert few.value == many.value == 0.0
    assert few.error == pytest.approx(0.024, abs=0.002)
    assert many.error is not None
    assert many.error < 0.0001


def test_a_percentile_needs_values_in_several_blocks() -> None:
    """Of a tail that lies in one stall nothing can be said, of the middle it can."""
    grains = [of(*range(100, 200)) for _ in range(39)] + [of(*range(9_000, 9_100))]
    middle, tail = Quantiles(grains).estimates((0.5, 0.99), draws(40, "a", 200))
    assert middle.error is not None
    assert tail.error is None
    assert "in 1 of 10 blocks" in tail.why_not


def test_a_metric_without_values_has_none() -> None:
    """Nothing is made up for answers that were not streamed."""
    drawn = draws(40, "a", 200)
    assert next(Quantiles([Histogram()] * 40).estimates((0.5,), drawn)).value is None
    assert bootstrap.mean([Histogram()] * 40, drawn).value is None
    assert bootstrap.rate([0] * 40, 1.0, drawn).error is None
    assert bootstrap.share([0] * 40, [0] * 40, drawn).value is None


@pytest.mark.parametrize("alike", [0.0, 0.7])
def test_intervals_hold_the_truth_about_as_often_as_they_say(alike: float) -> None:
    """Of 80 runs with a known server, the 95 % intervals of at least 85 % hold its true numbers."""
    times, held = 80, dict.fromkeys(TRUTH, 0)
    for seed in range(times):
        found = estimated(served(f"{alike}{seed}", 400, 2, alike=alike), str(seed), 150)
        for name, truth in TRUTH.items():
            one = found[name]
            assert one.value is not None
            assert one.error is not None
            reach = student.limit(0.05, one.blocks - 1) * one.error
            held[name] += abs(math.log(one.value / truth)) <= reach
    assert min(held.values()) >= 0.85 * times, held


def test_neighbours_that_are_alike_make_errors_larger() -> None:
    """As large as they are: to draw single requests would make them too small."""
    apart = estimated(served(1, 800, 2, alike=0.0))["ttft.mean"].error
    together = estimated(served(1, 800, 2, alike=0.9))["ttft.mean"].error
    assert apart is not None
    assert together is not None
    assert together > 2 * apart
