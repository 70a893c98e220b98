"""Summaries on their way from workers to the master: small, numbered, sent again until acknowledged.

worker                                   master
  delta 1 --------------------------------> adds it
  <------------------------------- ack 1
  delta 2 ----- lost or late
  delta 2, 3 (again, in order) -----------> adds 2, then 3; what it has seen it ignores
"""

from collections import deque
from collections.abc import Callable, Container
from typing import Any

import msgspec

from inferswarm.summary import Summary
from inferswarm.verdict import Client


class Gauges(msgspec.Struct, frozen=True):
    """What a worker is at, right now; not summed up, only the last counts."""

    in_flight: int = 0
    exhausted: bool = False
    trouble: str = ""
    final: bool = False


class Delta(msgspec.Struct, frozen=True):
    """One numbered piece of a worker's summary."""

    number: int
    summary: Summary
    client: Client
    gauges: Gauges


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Delta).decode


class DeltaSender:
    """The worker's side: keeps each delta until the master has acknowledged it."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._number = 0
        self._kept: deque[tuple[int, bytes]] = deque()

    @property
    def unacknowledged(self) -> int:
        """Deltas that the master may not have."""
        return len(self._kept)

    def push(self, summary: Summary, client: Client, gauges: Gauges) -> None:
        """Send a new delta after those that were not acknowledged yet."""
        self._number += 1
        packed = _encode(Delta(self._number, summary, client, gauges))
        self._kept.append((self._number, packed))
        self.resend()

    def resend(self) -> None:
        """Send all that was not acknowledged, oldest first."""
        for _, packed in list(self._kept):  # an acknowledgement may come while we send
            self._send(packed)

    def acknowledged(self, number: int) -> None:
        """Forget deltas up to `number`."""
        while self._kept and self._kept[0][0] <= number:
            self._kept.popleft()


class DeltaMerger:
    """The master's side: adds every delta of every worker exactly once."""

    def __init__(self) -> None:
        self.summary = Summary()
        self.client = Client()
        self.gauges: dict[str, Gauges] = {}
        self._seen: dict[str, int] = {}

    def receive(self, worker: str, packed: bytes) -> int:
        """Add a delta if it is the next of its worker; the number to acknowledge."""
        delta = _decode(packed)
        seen = self._seen.get(worker, 0)
        if delta.number != seen + 1:
            return seen
        self._seen[worker] = delta.number
        self.summary.merge(delta.summary)
        self.client.merge(delta.client)
        self.gauges[worker] = delta.gauges
        return delta.number

    def live(self, lost: Container[str] = ()) -> dict[str, Any]:
        """What all workers are at, added up; what a lost one had under way is so no more."""
        alive = (gauge for worker, gauge in self.gauges.items() if worker not in lost)
        return {
            "in_flight": sum(gauge.in_flight for gauge in alive),
            "trouble": next((g.trouble for g in self.gauges.values() if g.trouble), ""),
        }
