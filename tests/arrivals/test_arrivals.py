"""Facts about going through a schedule, whatever kind it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.arrivals import Arrival, upto
from inferswarm.arrivals.trace import Row, TraceArrivals
from tests.arrivals.walking import share
from tests.builders import FUZZ


def replayed(*times_ns: int) -> TraceArrivals:
    """A schedule with arrivals at these times."""
    return TraceArrivals(Row(time_ns) for time_ns in times_ns)


@pytest.mark.parametrize(
    ("first", "step", "dues_ns"),
    [(0, 1, [0, 5, 5, 9, 20]), (0, 2, [0, 5, 20]), (1, 2, [5, 9]), (4, 5, [20]), (5, 6, [])],
)
def test_a_stream_is_every_so_manieth_arrival(first: int, step: int, dues_ns: list[int]) -> None:
    """Stream j of S plays j, j + S, ... to the end of the schedule."""
    arrivals = list(share(replayed(0, 5, 5, 9, 20), first, step))
    assert arrivals == [
        Arrival(first + step * n, due_ns, None, None) for n, due_ns in enumerate(dues_ns)
    ]


@FUZZ
@given(st.lists(st.integers(0, 50), max_size=40), st.integers(-1, 60))
def test_how_many_are_due_before_a_time(times_ns: list[int], until_ns: int) -> None:
    """As counted one by one."""
    arrivals = replayed(*sorted(times_ns))
    assert upto(arrivals, until_ns) == sum(time_ns < until_ns for time_ns in times_ns)
