"""Facts about lists of loads as people write them."""

import re

import pytest

from inferswarm.limits.loads import CONCURRENCY, RATE, Axis


@pytest.mark.parametrize(
    ("axis", "text", "loads"),
    [
        (RATE, "10,20,50,100", [10, 20, 50, 100]),
        (RATE, "10..100x5", [10, 32.5, 55, 77.5, 100]),
        (RATE, "10..1000*2", [10, 20, 40, 80, 160, 320, 640]),
        (RATE, "1..8*2", [1, 2, 4, 8]),
        (RATE, " 600/min , 0.5/s..2x4", [10, 0.5, 1, 1.5, 2]),
        (RATE, "5,5,5", [5]),
        (CONCURRENCY, "1,2,4,8,16", [1, 2, 4, 8, 16]),
        (CONCURRENCY, "1..10x4, 100", [1, 4, 7, 10, 100]),
        (CONCURRENCY, "2..20*1.5", [2, 3, 4, 7, 10, 15]),
    ],
)
def test_lists_are_read(axis: Axis, text: str, loads: list[float]) -> None:
    """Single loads, spans evenly or by a factor, each load once."""
    assert axis.read_list(text) == pytest.approx(loads)


@pytest.mark.parametrize(
    ("axis", "text", "said"),
    [
        (RATE, "", "'' is no rate: write a rate such as 10/s"),
        (RATE, "10,,20", "'' is no rate"),
        (RATE, "ten", "'ten' is no rate"),
        (RATE, "0.01", "'0.01' must be 0.1/s to 10,000/s"),
        (RATE, "20..10x3", "must go upwards"),
        (RATE, "10..20x1", "after x stands how many points"),
        (RATE, "10..20x2.5", "after x stands how many points"),
        (RATE, "10..20*1", "after * stands a factor"),
        (RATE, "1..10000*1.01", "points are more than 100"),
        (RATE, "10..20", "is no rate"),
        (CONCURRENCY, "1.5", "'1.5' is no concurrency: write a whole number"),
        (CONCURRENCY, "0", "must be 1 user to"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(axis: Axis, text: str, said: str) -> None:
    """The message names the part and what to write."""
    with pytest.raises(ValueError, match=re.escape(said)):
        axis.read_list(text)


def test_loads_are_told_with_their_unit() -> None:
    """As people write them."""
    assert RATE.told(1_250) == "1,250/s"
    assert RATE.told(0.5) == "0.5/s"
    assert CONCURRENCY.told(16) == "16 users"
    assert CONCURRENCY.told(1) == "1 user"
