"""Facts about the search: which load comes next, and what the steps amount to."""

import pytest

from inferswarm.calibration.figures import Figure, Figures
from inferswarm.calibration.search import (
    MOST_STREAMS,
    Effort,
    Result,
    Step,
    best,
    ceiling,
    following,
    judge,
    missed,
)
from inferswarm.ceiling import Ceiling

EFFORT = Effort(first=16, factor=2, fine=1.25)


def steps(*made: tuple[int, str]) -> list[Step]:
    """Steps of 50 tokens/s a stream; the letters are the results' first."""
    result = {str(one)[0]: one for one in Result}
    return [Step(streams, streams * 50.0, result[letter]) for streams, letter in made]


@pytest.mark.parametrize(
    ("made", "next_streams"),
    [
        ([], 16),
        ([(16, "c")], 32),
        ([(16, "c"), (32, "m")], 32),
        ([(16, "c"), (32, "m"), (32, "c")], 64),
        ([(16, "c"), (32, "m"), (32, "m")], 22),
        ([(16, "c"), (32, "b")], 22),
        ([(16, "c"), (32, "d")], 32),
        ([(16, "c"), (32, "d"), (32, "m")], 22),
        ([(16, "c"), (32, "b"), (22, "c")], 26),
        ([(16, "c"), (32, "b"), (22, "c"), (26, "c")], None),
        ([(16, "c"), (32, "b"), (22, "b")], 18),
        ([(16, "m"), (16, "m")], 8),
        ([(16, "m"), (16, "m"), (8, "c")], 11),
        ([(2, "b"), (1, "b")], None),
        ([(MOST_STREAMS, "c")], None),
    ],
)
def test_the_load_to_try_next(made: list[tuple[int, str]], next_streams: int | None) -> None:
    """It doubles, repeats a miss once, then narrows the bracket until that is fine enough."""
    assert following(steps(*made), EFFORT) == next_streams


@pytest.mark.parametrize("limit", [0, 1, 3, 16, 100, 1_000, 5_000, 10**6])
@pytest.mark.parametrize("how", ["m", "b"])
def test_every_search_ends_beside_the_truth(limit: int, how: str) -> None:
    """Whatever a worker carries, the search comes near it from below within a few steps."""
    made: list[Step] = []
    while (streams := following(made, EFFORT)) is not None:
        made += steps((streams, "c" if streams <= limit else how))
        assert len(made) < 20
    good = best(made)
    if not limit:
        assert good is None
    else:
        assert good is not None
        assert min(limit, MOST_STREAMS) / 1.5 <= good.streams <= limit
    found = ceiling(made)
    assert (found.missed_per_s is not None) == (how == "m" and limit < MOST_STREAMS)


def test_a_full_simulator_gives_only_a_lower_bound() -> None:
    """Nothing is claimed of a load that was never tried."""
    assert ceiling(steps((16, "c"), (32, "b"), (22, "c"), (26, "b"))) == Ceiling(22 * 50)


def test_a_miss_is_a_limit() -> None:
    """The lowest load that was missed stands beside the highest that was carried."""
    made = steps((16, "c"), (32, "m"), (32, "m"), (22, "m"), (22, "m"), (18, "c"))
    assert ceiling(made) == Ceiling(18 * 50, 22 * 50)


@pytest.mark.parametrize("second", ["c", "d", "b"])
def test_a_miss_that_was_not_repeated_is_none(second: str) -> None:
    """The machine may have had something else to do at the first try."""
    made = steps((16, "c"), (32, "m"), (32, second), (22, "b"))
    assert missed(made) is None
    assert ceiling(made) == Ceiling((32 if second == "c" else 16) * 50)


def test_a_late_client_that_asks_less_is_no_lower_limit() -> None:
    """The rate that was missed is never below the one that was carried."""
    slow = [Step(64, 3_000, Result.MISSED), Step(64, 2_900, Result.MISSED)]
    assert ceiling([Step(32, 3_200, Result.CARRIED), *slow]) == Ceiling(3_200, 3_200)


def test_nothing_carried_is_nothing() -> None:
    """All that is known is a rate that is too high."""
    assert ceiling(steps((1, "m"), (1, "m"))) == Ceiling(0, 50)


@pytest.mark.parametrize(
    ("error_ms", "late_ms", "failed", "others", "result"),
    [
        (0.0, 0, {}, 0.0, Result.CARRIED),
        (0.2, 20, {}, 2.0, Result.CARRIED),
        (0.21, 0, {}, 0.1, Result.MISSED),
        (-0.21, 0, {}, 0.1, Result.MISSED),
        (0.21, 0, {}, 0.5, Result.DISTURBED),
        (5.0, 20.1, {}, 0.0, Result.BEHIND),
        (0.0, 0, {"connect": 1}, 0.0, Result.MISSED),
    ],
)
def test_what_a_step_shows(
    error_ms: float, late_ms: float, failed: dict[str, int], others: float, result: Result
) -> None:
    """Within 1 % is carried; a full simulator and a busy machine prove nothing against the client."""
    itl = Figure(100, 20, 20, 20, 0, 0, error_ms, 0)
    found = Figures({"itl": itl}, 1, 1, late_ms, failed, 0, 100)
    assert judge(found, 20, others) is result
