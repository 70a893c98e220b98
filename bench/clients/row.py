"""The clients that are compared: how each is started, and what it reported.

A row is measured as its users run it: a command of its own, and results read from what it left.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.loads import Load


@dataclass(frozen=True, slots=True)
class Reported:
    """One successful request as a client reported it: when sent, and when each token arrived.

    `sent_ns` is Unix nanoseconds, None where the client does not tell; `token_ns` counts from it.
    `due_ns` is when an open loop had it due. All by the client's own clock. A client that tells only
    the mean gap of a request has two tokens, that far apart.
    """

    sent_ns: int | None
    token_ns: list[int]
    due_ns: int | None = None


class Client(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def patience_s(self) -> float:
        """How long starting and reporting may take beside the load."""

    def plays(self, load: Load) -> bool:
        """Whether this row takes part in a load."""

    def missing(self) -> str:
        """Why this row cannot be measured here; empty when it can."""

    def prepare(self) -> None:
        """Make what a run needs, before anything is measured; raises BenchError."""

    def command(self, load: Load, url: str, out: Path) -> list[str]:
        """What to start; results go into the folder `out`."""

    def reported(self, out: Path) -> Iterable[Reported]:
        """What it measured."""

    def notes(self, out: Path) -> dict[str, float]:
        """Further figures that it tells of itself."""
