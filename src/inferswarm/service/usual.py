"""What the old tool's call asks for when it says nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usual:
    """A closed-loop run: how long, how many users, how many of them started per second."""

    duration_s: int = 120
    users: int = 1
    rate_per_s: float = 5.0
