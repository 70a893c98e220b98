"""Going through a schedule."""

from collections.abc import Iterator

from inferswarm.arrivals import Arrival, Arrivals


def share(arrivals: Arrivals, first: int = 0, step: int = 1) -> Iterator[Arrival]:
    """Arrivals first, first + step, ... until the schedule ends: stream `first` of `step`."""
    k = first
    while (arrival := arrivals.at(k)) is not None:
        yield arrival
        k += step
