"""How long a store waits and how often it tries."""

import random
from dataclasses import dataclass
from typing import Final

BLOCK_BYTES: Final = 8 << 20
"""What is read or sent in one request; memory holds a few of these at most."""


@dataclass(frozen=True)
class Bounds:
    """Patience in seconds; a request also has the time that a block takes at the slowest rate."""

    connect_s: float = 10.0
    silence_s: float = 20.0
    tries: int = 4
    pause_s: float = 0.5
    least_bytes_per_s: int = 100_000

    @property
    def request_s(self) -> float:
        """The longest that one request with one block may take."""
        return self.connect_s + self.silence_s + BLOCK_BYTES / self.least_bytes_per_s

    def whole_s(self, size: int) -> float:
        """Give the longest that `size` bytes may take in all their requests."""
        return self.request_s * (2 + size // BLOCK_BYTES)

    def pause_before(self, attempt: int) -> float:
        """Seconds before try number `attempt`, from 2 on: doubling, and spread by half."""
        return self.pause_s * float(2 ** (attempt - 2)) * random.uniform(0.5, 1.0)


PATIENT: Final = Bounds()
