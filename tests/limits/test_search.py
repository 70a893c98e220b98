"""Facts about the search: it finds hidden limits, sharp and blurred, from wherever it starts."""

from collections.abc import Callable
from random import Random

import pytest

from inferswarm.limits.bracket import Reach
from inferswarm.limits.search import REPEATS, Found, Try, following, found

RATES = Reach(0.1, 10_000)
USERS = Reach(1, 100_000, whole=True)


def searched(meets: Callable[[float], bool], start: float, reach: Reach) -> list[Try]:
    """All tries of a search against something that meets its goals or not."""
    tries: list[Try] = []
    while (load := following(tries, start, reach)) is not None:
        tries.append(Try(load, meets(load)))
        assert len(tries) < 60, "it does not end"
    return tries


@pytest.mark.parametrize("start", [1.0, 40.0, 3_000.0])
@pytest.mark.parametrize("limit", [0.7, 37.3, 80.0, 512.0, 6_100.0])
def test_a_sharp_limit_is_found_within_its_precision(start: float, limit: float) -> None:
    """From far below, beside and far above: within 5 %, never above, and all tries agree."""
    tries = searched(lambda rate: rate <= limit, start, RATES)
    result = found(tries)

    assert result.limit is not None
    assert limit / 1.05 <= result.limit <= limit < (result.missed or 0)
    assert (result.met, result.tries) == (REPEATS, REPEATS)
    assert result.missed_times == result.missed_tries == 2
    assert len(tries) <= 25


@pytest.mark.parametrize("start", [1, 50, 3_000])
@pytest.mark.parametrize("limit", [1, 2, 3, 17, 256, 1_000])
def test_users_are_whole(start: int, limit: int) -> None:
    """The last number of users that held is found, to the user where 5 % is less than one."""
    tries = searched(lambda users: users <= limit, start, USERS)
    result = found(tries)

    assert all(one.load == int(one.load) for one in tries)
    assert result.limit is not None
    assert limit / 1.05 <= result.limit <= limit


@pytest.mark.parametrize("start", [1.0, 90.0, 2_000.0])
@pytest.mark.parametrize("seed", range(40))
def test_a_blurred_limit_is_found_within_five_per_cent(start: float, seed: int) -> None:
    """A server whose limit wanders by 1.5 % (one sigma) from try to try."""
    draw = Random(seed)
    limit = 100.0
    reach = Reach(0.1, 10_000, fine=1.03)
    result = found(searched(lambda rate: rate <= draw.gauss(limit, 1.5), start, reach))

    assert result.limit == pytest.approx(limit, rel=0.05)


@pytest.mark.parametrize("odd", range(14))
@pytest.mark.parametrize("start", [1.0, 90.0, 2_000.0])
def test_one_odd_try_does_not_decide(odd: int, start: float) -> None:
    """Whichever single try comes out wrong, the limit is found as well, only later."""
    number = 0

    def meets(rate: float) -> bool:
        nonlocal number
        number += 1
        return (rate <= 100) != (number == odd + 1)

    result = found(searched(meets, start, RATES))
    assert result.limit is not None
    assert 100 / 1.05 <= result.limit <= 100


def test_a_limit_below_the_lowest_is_none() -> None:
    """The lowest load asked for is tried twice before that is said, and nothing below it."""
    tries = searched(lambda _: False, 40, Reach(10, 1_000))
    assert found(tries) == Found(None, missed=10, missed_times=2, missed_tries=2)
    assert [one.load for one in tries] == [40, 20, 10, 10]


def test_a_limit_above_the_highest_is_at_least_that() -> None:
    """The highest load asked for is the result, and nothing above it was tried."""
    tries = searched(lambda _: True, 300, Reach(10, 1_000))
    assert found(tries) == Found(1_000, met=3, tries=3)
    assert max(one.load for one in tries) == 1_000


def test_nothing_tried_is_nothing_found() -> None:
    """Before the first point there is no result, and the start comes next."""
    assert found([]) == Found(None)
    assert following([], 12.3456, RATES) == 12.35
