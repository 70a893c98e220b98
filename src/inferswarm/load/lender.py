"""The master's talk with its workers about who holds which streams."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from locust.runners import MasterRunner

from inferswarm.load import messages
from inferswarm.load.streams import TTL_NS, Loans

GIVE_UP_S = TTL_NS / 1e9 + 0.5
"""A worker that was silent for so long holds no good loan any more."""


class _Beat(NamedTuple):
    """A worker's last beat: by its clock, the loans that it knew, and when it was heard."""

    sent_ns: int
    number: int
    heard_s: float


class Lender:
    """Answers every beat of a worker with its loans, and lends on what silent ones held."""

    def __init__(self, runner: MasterRunner, streams: int) -> None:
        self._runner = runner
        self._loans = Loans(streams)
        self._beats: dict[str, _Beat] = {}
        self._dealt: list[str] = []

    def deal(self, workers: Sequence[str]) -> None:
        """Lend everything for the first time."""
        self._dealt = list(workers)
        self._loans.deal(workers)
        self._lend_all()

    def join(self, worker: str) -> None:
        """Promise a late worker its share; it gets each stream when its holder has let go."""
        self._loans.join(worker)
        self._lend_all()

    def all_know(self) -> bool:
        """Whether every worker has told that it knows its loans."""
        number = self._loans.number
        beats = [self._beats.get(worker) for worker in self._dealt]
        return all(beat is not None and beat.number >= number for beat in beats)

    def heard(self, worker: str, told: Mapping[str, Any]) -> None:
        """A beat."""
        self._beats[worker] = _Beat(told["sent_ns"], told["number"], time.monotonic())
        if self._loans.heard(worker, told["number"], dict(told["progress"])):
            self._lend_all()
        else:
            self._lend(worker)

    def silent(self) -> list[str]:
        """Workers whose loans have run out because nothing was heard of them."""
        now_s = time.monotonic()
        return [one for one, beat in self._beats.items() if now_s - beat.heard_s > GIVE_UP_S]

    def lose(self, worker: str, least_k: int) -> None:
        """Lend on what a silent worker held, from its known progress and not before `least_k`."""
        del self._beats[worker]
        self._loans.lose(worker, list(self._beats), least_k)
        self._lend_all()

    def _lend_all(self) -> None:
        for worker in self._beats:
            self._lend(worker)

    def _lend(self, worker: str) -> None:
        """Tell a worker what it holds; good for a while from the beat that we heard last."""
        data = {
            "number": self._loans.number,
            "loans": [[loan.stream, loan.first_k, loan.epoch] for loan in self._loans.of(worker)],
            "heard_ns": self._beats[worker].sent_ns,
        }
        self._runner.send_message(messages.LOANS, data, client_id=worker)
