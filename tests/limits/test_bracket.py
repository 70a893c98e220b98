"""Facts about the next load: doubled, halved, or between."""

import pytest

from inferswarm.limits.bracket import Reach, following

REACH = Reach(1, 1_000)
WHOLE = Reach(1, 1_000, whole=True)


@pytest.mark.parametrize(
    ("good", "bad", "reach", "load"),
    [
        (10, None, REACH, 20),
        (600, None, REACH, 1_000),
        (1_000, None, REACH, None),
        (None, 10, REACH, 5),
        (None, 1.5, REACH, 1),
        (None, 1, REACH, None),
        (10, 20, REACH, 14.14),
        (10, 10.4, REACH, None),
        (10, 20, WHOLE, 14),
        (2, 3, WHOLE, None),
        (16, 18, WHOLE, 17),
        (None, 3, WHOLE, 1),
    ],
)
def test_the_next_load(
    good: float | None, bad: float | None, reach: Reach, load: float | None
) -> None:
    """It stays within the reach, and ends where the bracket is fine or holds no other number."""
    assert following(good, bad, reach) == load


def test_without_any_outcome_there_is_no_next_load() -> None:
    """The first load is the caller's to choose."""
    assert following(None, None, REACH) is None
