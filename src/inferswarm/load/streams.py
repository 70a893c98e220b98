"""The load cut into streams, which the master lends to workers: no arrival is sent by two of them.

Stream j of S owns the arrivals j, j + S, j + 2S, ... A loan names its first arrival and its epoch, which
counts how often the stream was lent. Who holds what decides who sends an arrival, never what is sent.

    worker: beat (its own clock, progress) ---> master
            loans, until that clock + TTL  <---
"""

import heapq
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

TTL_NS = 3_000_000_000
"""How long loans are good after the beat that they answer; counted on the worker's clock alone."""
LEAST_STREAMS = 64


class Loan(msgspec.Struct, frozen=True, array_like=True):
    """One stream lent: from arrival `first_k` on, for the `epoch`-th time (from 0)."""

    stream: int
    first_k: int
    epoch: int


def how_many(workers: int) -> int:
    """Streams for so many workers: enough that those who join or take over get even shares."""
    return max(LEAST_STREAMS, 16 * workers)


class Streams:
    """The worker's side: what it holds, and which arrival comes next."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._held: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._order: list[int] = []
        self._until_ns: float = 0
        self.number = 0

    def renew(self, number: int, loans: Sequence[Loan], until_ns: float) -> bool:
        """Take in the newest word of the master (old ones are ignored); whether what is held changed."""
        if number < self.number:
            return False
        self._until_ns = max(self._until_ns, until_ns)
        changed = number > self.number
        self.number = number
        if changed:
            for loan in loans:
                if self._held.get(loan.stream) != loan.epoch:
                    self._next[loan.stream] = loan.first_k
            self._held = {loan.stream: loan.epoch for loan in loans}
            self._order = [self._next[stream] for stream in self._held]
            heapq.heapify(self._order)
        return changed

    def good_at(self, now_ns: int) -> bool:
        """Whether the loans are still good."""
        return now_ns < self._until_ns

    def next_k(self) -> int | None:
        """The first arrival that is held and was not taken; None when no stream is held."""
        return self._order[0] if self._order else None

    def epoch_of(self, k: int) -> int:
        """The epoch of the loan that arrival k belongs to; 0 when it is not held."""
        return self._held.get(k % self._count, 0)

    def take(self, k: int) -> bool:
        """Take the next arrival, if it still is `k`."""
        if self.next_k() != k:
            return False
        self._next[k % self._count] = k + self._count
        heapq.heapreplace(self._order, k + self._count)
        return True

    def progress(self) -> dict[int, int]:
        """The next arrival of every stream that ever was held."""
        return dict(self._next)


def all_of(share: int, shares: int) -> Streams:
    """Streams for a worker without a master of ours: it holds its one of so many for ever."""
    streams = Streams(shares)
    streams.renew(1, [Loan(share, share, 0)], math.inf)
    return streams


class _Promise(NamedTuple):
    """A stream that its giver must let go (it knows loans number `since`) before its taker gets it."""

    giver: str
    taker: str
    since: int


class Loans:
    """The master's side: who holds which stream. Pure; workers are names."""

    def __init__(self, streams: int) -> None:
        self._count = streams
        self._holder: dict[int, str] = {}
        self._next = {stream: stream for stream in range(streams)}
        self._epoch = dict.fromkeys(range(streams), 0)
        self._promised: dict[int, _Promise] = {}
        self.number = 0

    def deal(self, workers: Sequence[str]) -> None:
        """Lend all streams evenly, for the first time."""
        self.number += 1
        for stream in range(self._count):
            self._holder[stream] = workers[stream % len(workers)]

    def of(self, worker: str) -> list[Loan]:
        """What a worker holds."""
        return [
            Loan(stream, self._next[stream], self._epoch[stream])
            for stream, holder in self._holder.items()
            if holder == worker
        ]

    def join(self, worker: str) -> None:
        """Promise a new worker its even share; it gets each stream when its holder has let go."""
        self.number += 1
        holders = sorted(set(self._holder.values()))
        for _ in range(self._count // (len(holders) + 1)):
            stream = max(self._held_by_most(holders), default=None)
            if stream is None:
                return
            self._promised[stream] = _Promise(self._holder.pop(stream), worker, self.number)

    def heard(self, worker: str, number: int, progress: Mapping[int, int]) -> bool:
        """A worker knows loans `number` and came so far; whether a promise was kept by that."""
        for stream, next_k in progress.items():
            if self._holder.get(stream) == worker:
                self._next[stream] = max(self._next[stream], next_k)
        free = [
            stream
            for stream, promise in self._promised.items()
            if promise.giver == worker and number >= promise.since
        ]
        for stream in free:
            self._next[stream] = max(self._next[stream], progress.get(stream, 0))
            self._lend(stream, self._promised.pop(stream).taker)
        self.number += bool(free)
        return bool(free)

    def lose(self, worker: str, others: Sequence[str], least_k: int) -> None:
        """Lend a lost worker's streams to the others: from their known progress, at least `least_k`."""
        self.number += 1
        orphans = [stream for stream, holder in self._holder.items() if holder == worker]
        broken = [one for one, promise in self._promised.items() if promise.giver == worker]
        for stream, promise in list(self._promised.items()):
            if promise.taker == worker:  # its giver may not have let go: it goes on
                self._holder[stream] = promise.giver
                del self._promised[stream]
        for stream in broken:
            orphans.append(stream)
            self._promised.pop(stream, None)
        for place, stream in enumerate(sorted(orphans)):
            self._holder.pop(stream, None)
            self._next[stream] = self._at_least(stream, max(least_k, self._next[stream]))
            if others:
                self._lend(stream, others[place % len(others)])

    def _lend(self, stream: int, worker: str) -> None:
        self._holder[stream] = worker
        self._epoch[stream] += 1

    def _at_least(self, stream: int, k: int) -> int:
        """The stream's first arrival from k on."""
        return k + (stream - k) % self._count

    def _held_by_most(self, holders: Sequence[str]) -> list[int]:
        by_holder = {
            one: [stream for stream, holder in self._holder.items() if holder == one]
            for one in holders
        }
        return max(by_holder.values(), key=len, default=[])
