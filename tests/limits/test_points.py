"""Facts about points: when they count as met, and what a search says of them."""

import pytest

from inferswarm.limits.loads import CONCURRENCY, RATE
from inferswarm.limits.points import Point, sentence, tries
from inferswarm.limits.search import Found, Try, found
from tests.limits.sample import point

GOOD, SLOW = point(10), point(20, ttft_ms=900)
INVALID = point(20, reasons=("a worker used 99 % of its core",))


def test_a_point_is_met_when_it_is_valid_and_reached_its_goals() -> None:
    """Otherwise it says what was missed and what was measured, or why it is INVALID."""
    assert (GOOD.met, GOOD.why_missed) == (True, "")
    assert not SLOW.met
    assert SLOW.why_missed.startswith("ttft.p95<500ms (was 9")
    assert not INVALID.met
    assert INVALID.why_missed == "INVALID: a worker used 99 % of its core"
    assert tries([GOOD, SLOW]) == [Try(10, met=True), Try(20, met=False)]


def test_without_any_request_a_goal_was_not_measured() -> None:
    """A value that does not exist is said to be none."""
    assert "ttft.p95<500ms (was not measured)" in point(5, count=0).why_missed


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            [GOOD, SLOW, SLOW, GOOD, GOOD],
            "3 of 3 tries met); 20/s missed in 2 of 2 tries; all tries",
        ),
        ([GOOD, SLOW], "the edge was not measured again"),
        ([GOOD, SLOW, SLOW, GOOD, point(10, 900)], "(2 of 3 tries met); 20/s missed in 2 of 2"),
        ([GOOD, SLOW, SLOW, GOOD, point(10, 900)], "tries disagree"),
        ([GOOD, INVALID, INVALID, GOOD, GOOD], "this machine may be the limit, not the server"),
        ([GOOD, GOOD, GOOD], "hold up to 10/s (3 of 3 tries met); nothing higher was asked for"),
        ([SLOW, SLOW], "no rate met the goals: even the lowest measured, 20/s, missed"),
        ([], "no rate met the goals: even the lowest measured"),
    ],
)
def test_how_sure_it_is_is_said_in_words(made: list[Point], said: str) -> None:
    """Shares of the tries at both edges, and what they mean."""
    expected = said if made else "nothing was measured"
    assert expected in sentence(found(tries(made)), RATE, made)


def test_the_unit_is_that_of_what_was_searched() -> None:
    """A search by concurrency speaks of users."""
    assert "up to 16 users (1 of 1" in sentence(Found(16, 1, 1), CONCURRENCY, [])
