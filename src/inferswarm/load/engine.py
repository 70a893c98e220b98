"""One worker's part of a run: what is asked next, what is under way, what came back."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import gevent
from gevent.event import Event

from inferswarm.adapters import Wanted
from inferswarm.adapters.table import Route
from inferswarm.arrivals import Arrival, Arrivals
from inferswarm.clock import now_ns
from inferswarm.exchange import Exchange, Outcome
from inferswarm.load.alarm import Alarm
from inferswarm.load.backlog import Backlog, Sink
from inferswarm.load.health import Health
from inferswarm.load.streams import Loan, Streams
from inferswarm.load.transport.interface import Transport
from inferswarm.prompts import Prompts
from inferswarm.reading import Asked
from inferswarm.scales import NS_PER_S
from inferswarm.summary import Summary
from inferswarm.target import GrpcWire, Wire
from inferswarm.verdict import Client

LEAST_PAUSE_S = 0.01
MOST_PAUSE_S = 1.0
_NOT_CONNECTED = (Outcome.CONNECT, Outcome.TLS)


@dataclass(frozen=True, slots=True)
class Schedule:
    """An open loop: its arrivals count from `start_ns`, those due `until_ns` later are none of it."""

    arrivals: Arrivals
    start_ns: int
    until_ns: float = math.inf


class Engine:
    """Asks, in closed loop for each Locust user or by a schedule; each request becomes one record."""

    def __init__(
        self,
        transport: Transport,
        wire: Wire | GrpcWire,
        prompts: Prompts,
        route: Route,
        wanted: Wanted,
        streams: Streams,
        sinks: Sequence[Sink],
        secrets: tuple[str, ...] = (),
        give_up_after: int = 0,
        worker: int = 0,
        requests: int | None = None,
    ) -> None:
        """Arrivals below `requests` (all, if None) of the streams are sent."""
        self._transport = transport
        self._wire = wire
        self._prompts = prompts
        self._route = route
        self._wanted = wanted
        self._streams = streams
        self._worker = worker
        self._below_k = math.inf if requests is None else requests
        self._give_up_after = give_up_after
        self._under_way = 0
        self._room = Event()
        self._alarm = Alarm()
        self._connect_failures = 0
        self._lost_lease = 0
        self.stopping = False
        self.exhausted = Event()
        self._backlog = Backlog(route.adapter, sinks, secrets)
        self._health = Health(transport.recorder)

    @property
    def in_flight(self) -> int:
        """Requests asked and not yet answered."""
        return self._under_way

    def ask(self) -> bool:
        """One request of a closed loop, in the calling greenlet; False when there is none left.

        While no connection can be opened, users pause longer and longer instead of spinning.
        """
        if self.stopping or self.exhausted.is_set():
            return False
        k = self._streams.next_k()
        if k is None or not self._streams.good_at(time.monotonic_ns()):
            gevent.sleep(LEAST_PAUSE_S)
            return True
        if k >= self._below_k:
            self.exhausted.set()
            return False
        self._streams.take(k)
        self._under_way += 1
        due_ns = now_ns()
        if self._send(*self._prepare(k, self._wanted), due_ns).failure in _NOT_CONNECTED:
            self._connect_failures += 1
            gevent.sleep(min(MOST_PAUSE_S, LEAST_PAUSE_S * self._connect_failures))
        else:
            self._connect_failures = 0
        return self._worth_going_on()

    def play(self, schedule: Schedule, most_under_way: int) -> None:
        """Open loop: send each arrival when it is due, whether or not answers come, until the drain.

        `most_under_way` bounds the requests under way; what it holds back is sent as soon as there is
        room, and its due time stays.
        """
        while not self.stopping and not self._failed_throughout():
            arrival = self._next_arrival(schedule)
            if arrival is None:
                self.exhausted.set()
                self._alarm.wait_until(now_ns() + NS_PER_S)
                continue
            wanted = self._wanted
            if arrival.output_tokens is not None:
                wanted = replace(wanted, max_output_tokens=arrival.output_tokens)
            wire, asked = self._prepare(arrival.k, wanted)  # before it is due, to be on time
            due_ns = schedule.start_ns + arrival.due_ns
            if self._alarm.wait_until(due_ns) and self._wait_for_room(most_under_way):
                self._launch(wire, asked, due_ns)
        self.exhausted.set()

    def lend(self, number: int, loans: Sequence[Loan], until_ns: float) -> bool:
        """The master's newest word on which streams are ours; whether that changed."""
        changed = self._streams.renew(number, loans, until_ns)
        if changed:
            self.exhausted.clear()
            self._alarm.wake()
        return changed

    def _next_arrival(self, schedule: Schedule) -> Arrival | None:
        k = self._streams.next_k()
        arrival = schedule.arrivals.at(k) if k is not None and k < self._below_k else None
        return arrival if arrival and arrival.due_ns < schedule.until_ns else None

    def _wait_for_room(self, most_under_way: int) -> bool:
        while self._under_way >= most_under_way and not self.stopping:
            self._room.clear()
            self._room.wait()
        return not self.stopping

    def _launch(self, wire: bytes, asked: Asked, due_ns: int) -> None:
        """Send an arrival, unless it is no longer ours."""
        if not self._streams.take(asked.k):
            return
        if not self._streams.good_at(time.monotonic_ns()):
            self._lost_lease += 1
            return
        self._under_way += 1
        gevent.spawn(self._send, wire, asked, due_ns)
        gevent.sleep(0)  # it sends before we prepare the next one

    def _failed_throughout(self) -> bool:
        backlog = self._backlog
        return not backlog.succeeded and 0 < self._give_up_after <= backlog.failed

    def _worth_going_on(self) -> bool:
        """Whether anything succeeded yet, or little enough failed.

        Until the first success answers are read at once: users of a server that refuses everything
        would keep the loop too busy for reading when idle, and ask thousands of times meanwhile.
        """
        if self._backlog.succeeded or not self._give_up_after:
            return True
        self._backlog.read_all()
        if self._failed_throughout():
            self.exhausted.set()
            return False
        return True

    def drain(self, grace_s: float) -> None:
        """Ask nothing more, wait for answers under way, cut what is left after `grace_s`, read all."""
        self.stopping = True
        self._room.set()
        self._alarm.wake()
        deadline = time.monotonic() + grace_s
        while self._under_way and time.monotonic() < deadline:
            gevent.sleep(0.02)
        self._transport.cancel_all()
        while self._under_way:
            gevent.sleep(0.005)
        self._backlog.read_all()

    def take_delta(self) -> tuple[Summary, Client]:
        """What was counted since the last call; the caller owns it."""
        client = self._health.take()
        client.lost_lease, self._lost_lease = self._lost_lease, 0
        return self._backlog.take(client), client

    def close(self) -> None:
        """Stop the engine's own greenlets."""
        self._backlog.close()
        self._health.close()
        self._alarm.close()

    def _prepare(self, k: int, wanted: Wanted) -> tuple[bytes, Asked]:
        """The bytes of request k, and what there is to know of it."""
        prompt = self._prompts.pick(k)
        wire = self._wire.bytes_of(self._route.adapter.request(prompt, wanted))
        return wire, Asked(
            k=k,
            worker=self._worker,
            prompt=prompt,
            backend=self._route.backend,
            api=self._route.api,
            streamed=wanted.stream,
            epoch=self._streams.epoch_of(k),
        )

    def _send(self, wire: bytes, asked: Asked, due_ns: int) -> Exchange:
        ended: list[Exchange] = []

        def done(exchange: Exchange) -> None:
            ended.append(exchange)
            self._under_way -= 1
            self._room.set()
            self._backlog.put(exchange, asked)

        self._transport.exchange(wire, due_ns, done)
        return ended[0]
