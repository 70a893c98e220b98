"""One worker's part of a run: what is asked next, what is under way, what came back.

An arrival is a conversation: of one turn mostly, which is a request. What further turns there are
belongs to the worker that sent the first, whoever the next arrivals are lent to.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import gevent
from gevent.event import AsyncResult, Event

from inferswarm.adapters import Wanted
from inferswarm.adapters.table import Route
from inferswarm.arrivals import Arrival, Arrivals
from inferswarm.clock import now_ns
from inferswarm.exchange import Exchange, Outcome
from inferswarm.load.alarm import Alarm
from inferswarm.load.backlog import Backlog, Sink, Told
from inferswarm.load.health import Health
from inferswarm.load.streams import Loan, Streams
from inferswarm.load.transport.interface import Transport
from inferswarm.prompts import Prompts
from inferswarm.prompts.conversation import Conversation, Mode, flattened
from inferswarm.reading import NO_TEXTS, Asked, Texts, reply_in
from inferswarm.records import Record
from inferswarm.scales import NS_PER_S
from inferswarm.summary import Summary
from inferswarm.target import GrpcWire, Wire
from inferswarm.traces import Traces
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


@dataclass(frozen=True, slots=True)
class _Turn:
    """A request that is ready to be sent: the next turn of a conversation."""

    talk: Conversation
    wanted: Wanted
    wire: bytes
    asked: Asked


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
        texts: Texts = NO_TEXTS,
        conversations: Mode = "first",
        turn_pause_ns: int = 0,
        traces: Traces | None = None,
    ) -> None:
        """Arrivals below `requests` (all, if None) of the streams are sent, with their further turns."""
        self._transport = transport
        self._wire = wire
        self._prompts = prompts
        self._route = route
        self._wanted = wanted
        self._streams = streams
        self._worker = worker
        self._below_k = math.inf if requests is None else requests
        self._give_up_after = give_up_after
        self._mode: Mode = conversations
        self._turn_pause_ns = turn_pause_ns
        self._traces = traces
        self._scheduled = False
        self._conversing = 0
        self._turns_until_ns = self._most_under_way = math.inf
        self._none_left = False
        self._over = Event()
        self._under_way = 0
        self._room = Event()
        self._alarm = Alarm()
        self._connect_failures = 0
        self._lost_lease = 0
        self.stopping = False
        self.exhausted = Event()
        self._backlog = Backlog(route.adapter, sinks, secrets, texts)
        self._health = Health(transport.recorder)

    @property
    def in_flight(self) -> int:
        """Requests asked and not yet answered."""
        return self._under_way

    def ask(self) -> bool:
        """One conversation of a closed loop, in the calling greenlet; False when there is none left.

        While no connection can be opened, users pause longer and longer instead of spinning.
        """
        if self.stopping or self.exhausted.is_set():
            return False
        k = self._streams.next_k()
        if k is None or not self._streams.good_at(time.monotonic_ns()):
            gevent.sleep(LEAST_PAUSE_S)
            return True
        if k >= self._below_k:
            self._run_out()
            return False
        self._streams.take(k)
        self._under_way += 1
        due_ns = now_ns()
        if self._converse(self._first_turn(Arrival(k, 0)), due_ns).failure in _NOT_CONNECTED:
            self._connect_failures += 1
            gevent.sleep(min(MOST_PAUSE_S, LEAST_PAUSE_S * self._connect_failures))
        else:
            self._connect_failures = 0
        return self._worth_going_on()

    def play(self, schedule: Schedule, most_under_way: int) -> None:
        """Open loop: send each arrival when it is due, whether or not answers come, until the drain.

        `most_under_way` bounds the requests under way; what it holds back is sent as soon as there is
        room, and its due time stays. Turns due after the schedule's end are not begun.
        """
        self._scheduled = True
        self._most_under_way = most_under_way
        self._turns_until_ns = schedule.start_ns + schedule.until_ns
        while not self.stopping and not self._failed_throughout():
            arrival = self._next_arrival(schedule)
            if arrival is None:
                self._run_out(even_talking=now_ns() >= self._turns_until_ns)
                self._alarm.wait_until(now_ns() + NS_PER_S)
                continue
            turn = self._first_turn(arrival)  # before it is due, to be on time
            due_ns = schedule.start_ns + arrival.due_ns
            if self._alarm.wait_until(due_ns) and self._wait_for_room():
                self._launch(turn, due_ns)
        self.exhausted.set()

    def lend(self, number: int, loans: Sequence[Loan], until_ns: float) -> bool:
        """The master's newest word on which streams are ours; whether that changed."""
        changed = self._streams.renew(number, loans, until_ns)
        if changed:
            self._none_left = False
            self.exhausted.clear()
            self._alarm.wake()
        return changed

    def _next_arrival(self, schedule: Schedule) -> Arrival | None:
        k = self._streams.next_k()
        arrival = schedule.arrivals.at(k) if k is not None and k < self._below_k else None
        return arrival if arrival and arrival.due_ns < schedule.until_ns else None

    def _run_out(self, *, even_talking: bool = False) -> None:
        """No arrival is left to send; the load is over when no conversation goes on either."""
        self._none_left = True
        if even_talking or not self._conversing:
            self.exhausted.set()

    def _wait_for_room(self) -> bool:
        while self._under_way >= self._most_under_way and not self.stopping:
            self._room.clear()
            self._room.wait()
        return not self.stopping

    def _launch(self, turn: _Turn, due_ns: int) -> None:
        """Send an arrival, unless it is no longer ours."""
        if not self._streams.take(turn.asked.k):
            return
        if not self._streams.good_at(time.monotonic_ns()):
            self._lost_lease += 1
            return
        self._under_way += 1
        gevent.spawn(self._converse, turn, due_ns)
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
        self._over.set()
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

    def _first_turn(self, arrival: Arrival) -> _Turn:
        """The request of an arrival, of its lengths if it has any."""
        k, length = arrival.k, arrival.output_tokens
        talk = Conversation(self._prompts.pick(k, arrival.input_tokens, length), self._mode)
        return self._turn(talk, k, self._streams.epoch_of(k), self._wanted.of_length(length))

    def _turn(self, talk: Conversation, k: int, epoch: int, wanted: Wanted) -> _Turn:
        """The bytes of a conversation's next request, and what there is to know of it."""
        prompt = talk.asks() if self._route.takes_messages else flattened(talk.asks())
        this = wanted.of_length(prompt.output_tokens)
        trace = self._traces.id_of(k, talk.turn, epoch) if self._traces else ""
        wire = self._wire.bytes_of(self._route.adapter.request(prompt, this), trace)
        asked = Asked(
            k=k,
            worker=self._worker,
            prompt=prompt,
            backend=self._route.backend,
            api=self._route.api,
            streamed=wanted.stream,
            asked_tokens=this.max_output_tokens,
            epoch=epoch,
            turn=talk.turn,
            turns=talk.turns if talk.turns > 1 else 0,
            trace=trace,
        )
        return _Turn(talk, wanted, wire, asked)

    def _converse(self, turn: _Turn, due_ns: int) -> Exchange:
        """Ask a turn, counted as under way, and all that follow; what came of the last one asked."""
        if not turn.talk.goes_on:
            return self._send(turn, due_ns)
        self._conversing += 1
        try:
            while turn.talk.goes_on:
                exchange, after = self._ask_and_read(turn, due_ns)
                due_ns = self._due_after(exchange)
                if after is None or self.stopping or due_ns >= self._turns_until_ns:
                    return exchange
                turn = self._turn(after, turn.asked.k, turn.asked.epoch, turn.wanted)
                self._over.wait(max(0, due_ns - now_ns()) / NS_PER_S)
                if not self._wait_for_room():
                    return exchange
                self._under_way += 1
            return self._send(turn, due_ns)
        finally:
            self._conversing -= 1
            if self._none_left and not self._conversing:
                self.exhausted.set()

    def _due_after(self, exchange: Exchange) -> int:
        """When the turn after this answer is due: in closed loop not before its user has read it."""
        due_ns = exchange.end_ns + self._turn_pause_ns
        return due_ns if self._scheduled else max(due_ns, now_ns())

    def _ask_and_read(self, turn: _Turn, due_ns: int) -> tuple[Exchange, Conversation | None]:
        """What came of a turn, and the conversation after it: None where there was no good answer."""
        after: AsyncResult[Conversation | None] = AsyncResult()

        def read(exchange: Exchange, record: Record) -> None:
            talk, reply = turn.talk, ""
            if record.ok and talk.needs_answers:
                reply = reply_in(exchange, turn.asked, self._route.adapter)
            after.set(talk.answered(reply) if record.ok else None)

        exchange = self._send(turn, due_ns, read)
        return exchange, after.get()

    def _send(self, turn: _Turn, due_ns: int, read: Told | None = None) -> Exchange:
        ended: list[Exchange] = []

        def done(exchange: Exchange) -> None:
            ended.append(exchange)
            self._under_way -= 1
            self._room.set()
            self._backlog.put(exchange, turn.asked, read)

        self._transport.exchange(turn.wire, due_ns, done)
        return ended[0]
