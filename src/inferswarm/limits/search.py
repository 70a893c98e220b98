"""The highest load that still meets the goals: which to try next, and what the tries amount to. Pure.

From its start the load doubles, or halves, until one met and one missed; then the bracket is halved
(by its geometric middle) until it is fine enough. A server is not the same twice, so what counts of a
load is the majority of its tries: both edges are measured again, and where the majority turns, the
search goes on from there. One odd try, wherever it fell, costs time but does not decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from inferswarm.limits import bracket
from inferswarm.limits.bracket import Reach

REPEATS = 3
ENOUGH_MISSES = 2
"""A load above the limit that missed so often, and never met, cannot turn any more."""


@dataclass(frozen=True, slots=True)
class Try:
    """One measured load, and whether it met the goals."""

    load: float
    met: bool


@dataclass(frozen=True, slots=True)
class Votes:
    """How the tries of one load came out."""

    load: float
    met: int
    tries: int

    @property
    def good(self) -> bool:
        """Whether most met."""
        return 2 * self.met > self.tries

    @property
    def tied(self) -> bool:
        """Whether as many met as missed."""
        return 2 * self.met == self.tries


class Found(msgspec.Struct, frozen=True):
    """What a search came to.

    `limit` is the highest load that met the goals in most of its tries, None when even the lowest
    missed; `missed` is the lowest above it that did not, None when the highest asked for still met.
    """

    limit: float | None
    met: int = 0
    tries: int = 0
    missed: float | None = None
    missed_times: int = 0
    missed_tries: int = 0


def following(tries: Sequence[Try], start: float, reach: Reach) -> float | None:
    """The load to try next; None when the limit is found, or lies outside of the reach."""
    votes = _votes(tries)
    if not votes:
        return reach.rounded(start)
    if tied := [vote for vote in votes if vote.tied]:
        return tied[0].load
    good, bad = _edges(votes)
    ends = (good.load if good else None, bad.load if bad else None)
    further = bracket.following(*ends, reach)
    if further is not None:
        return further
    if bad and bad.tries < (REPEATS if bad.met else ENOUGH_MISSES):
        return bad.load
    return good.load if good and good.tries < REPEATS else None


def found(tries: Sequence[Try]) -> Found:
    """What the tries so far amount to."""
    good, bad = _edges(_votes(tries))
    return Found(
        limit=good.load if good else None,
        met=good.met if good else 0,
        tries=good.tries if good else 0,
        missed=bad.load if bad else None,
        missed_times=bad.tries - bad.met if bad else 0,
        missed_tries=bad.tries if bad else 0,
    )


def _votes(tries: Sequence[Try]) -> list[Votes]:
    """One entry for each load, ascending."""
    by_load: dict[float, list[bool]] = {}
    for one in tries:
        by_load.setdefault(one.load, []).append(one.met)
    return [Votes(load, sum(met), len(met)) for load, met in sorted(by_load.items())]


def _edges(votes: Sequence[Votes]) -> tuple[Votes | None, Votes | None]:
    """The highest load that met, and the lowest above it that was tried."""
    good = max((vote for vote in votes if vote.good), key=lambda vote: vote.load, default=None)
    above = [vote for vote in votes if not vote.good and (good is None or vote.load > good.load)]
    return good, min(above, key=lambda vote: vote.load, default=None)
