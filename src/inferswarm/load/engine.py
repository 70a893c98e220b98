"""One worker's part of a run: what is asked next, what is under way, what came back."""

import gc
import itertools
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import gevent
import psutil
from gevent import get_hub
from gevent.event import Event

from inferswarm.adapters import Adapter, Wanted
from inferswarm.clock import now_ns
from inferswarm.exchange import Exchange, Outcome
from inferswarm.load.transport.interface import Transport
from inferswarm.prompts import Prompts
from inferswarm.reading import Asked, read_exchange, without_secrets
from inferswarm.records import Record
from inferswarm.summary import Summary
from inferswarm.target import Wire
from inferswarm.verdict import Client

BACKLOG_LIMIT = 2_000
FORCED_READS = 16
LEAST_PAUSE_S = 0.01
MOST_PAUSE_S = 1.0
_NOT_CONNECTED = (Outcome.CONNECT, Outcome.TLS)
HEALTH_INTERVAL_S = 0.1
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Share:
    """Which arrivals are this worker's: k = worker, worker + workers, ..., below `limit` if given."""

    worker: int = 0
    workers: int = 1
    limit: int | None = None


class Engine:
    """Asks one request at a time for each Locust user, and makes exactly one record of each.

    Finished exchanges are read one at a time when the loop has nothing else to do, in the order in
    which they finished; beyond `BACKLOG_LIMIT` reading takes its turn, which is counted.
    """

    def __init__(
        self,
        transport: Transport,
        wire: Wire,
        prompts: Prompts,
        adapter: Adapter,
        wanted: Wanted,
        backend: str,
        share: Share,
        sinks: list[Callable[[Record], None]],
        secrets: tuple[str, ...] = (),
        give_up_after: int = 0,
    ) -> None:
        self._transport = transport
        self._wire = wire
        self._prompts = prompts
        self._adapter = adapter
        self._wanted = wanted
        self._backend = backend
        self._share = share
        self._sinks = sinks
        self._secrets = secrets
        self._give_up_after = give_up_after
        self._succeeded = self._failed = 0
        self._numbers = itertools.count(share.worker, share.workers)
        self._unread: deque[tuple[Exchange, Asked]] = deque()
        self._something_unread = Event()
        self._under_way = 0
        self._connect_failures = 0
        self.stopping = False
        self.exhausted = Event()
        self.summary = Summary()
        self.client = self._new_client()
        self._collection_ns = 0
        gc.callbacks.append(self._on_collection)
        self._greenlets = [gevent.spawn(self._read_when_idle), gevent.spawn(self._watch_health)]

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
        k = next(self._numbers)
        if self._share.limit is not None and k >= self._share.limit:
            self.exhausted.set()
            return False
        if self._send(k, now_ns()).failure in _NOT_CONNECTED:
            self._connect_failures += 1
            gevent.sleep(min(MOST_PAUSE_S, LEAST_PAUSE_S * self._connect_failures))
        else:
            self._connect_failures = 0
        return self._worth_going_on()

    def _worth_going_on(self) -> bool:
        """Whether anything succeeded yet, or little enough failed.

        Until the first success answers are read at once: users of a server that refuses everything
        would keep the loop too busy for reading when idle, and ask thousands of times meanwhile.
        """
        if self._succeeded or not self._give_up_after:
            return True
        while self._unread:
            self._read_one()
        if self._succeeded or self._failed < self._give_up_after:
            return True
        self.exhausted.set()
        return False

    def drain(self, grace_s: float) -> None:
        """Ask nothing more, wait for answers under way, cut what is left after `grace_s`, read all."""
        self.stopping = True
        deadline = time.monotonic() + grace_s
        while self._under_way and time.monotonic() < deadline:
            gevent.sleep(0.02)
        self._transport.cancel_all()
        while self._under_way:
            gevent.sleep(0.005)
        while self._unread:
            self._read_one()

    def take_delta(self) -> tuple[Summary, Client]:
        """What was counted since the last call; the caller owns it."""
        delta = (self.summary, self.client)
        self.summary = Summary()
        self.client = self._new_client()
        return delta

    def close(self) -> None:
        """Stop the engine's own greenlets."""
        gc.callbacks.remove(self._on_collection)
        gevent.killall(self._greenlets)

    def _new_client(self) -> Client:
        recorder = self._transport.recorder
        return Client(recorder=recorder.name, clock=recorder.clock)

    def _send(self, k: int, due_ns: int) -> Exchange:
        prompt = self._prompts.pick(k)
        wire = self._wire.bytes_of(self._adapter.request(prompt, self._wanted))
        asked = Asked(
            k=k,
            worker=self._share.worker,
            prompt=prompt.index,
            prompt_chars=len(prompt.text),
            backend=self._backend,
            api=self._wanted.api,
            streamed=self._wanted.stream,
        )
        self._under_way += 1
        ended: list[Exchange] = []

        def done(exchange: Exchange) -> None:
            ended.append(exchange)
            self._done(exchange, asked)

        self._transport.exchange(wire, due_ns, done)
        return ended[0]

    def _done(self, exchange: Exchange, asked: Asked) -> None:
        self._under_way -= 1
        self._unread.append((exchange, asked))
        self._something_unread.set()

    def _read_when_idle(self) -> None:
        hub = get_hub()
        idle = hub.loop.idle()
        while True:
            self._something_unread.wait()
            while self._unread:
                backlog = len(self._unread)
                self.client.parse_backlog_max = max(self.client.parse_backlog_max, backlog)
                if backlog > BACKLOG_LIMIT:
                    self.client.parse_turns_forced += 1
                    gevent.sleep(0)
                    for _ in range(FORCED_READS):
                        self._read_one()
                else:
                    hub.wait(idle)
                    self._read_one()
            self._something_unread.clear()

    def _read_one(self) -> None:
        if not self._unread:
            return
        exchange, asked = self._unread.popleft()
        record = read_exchange(exchange, asked, self._adapter)
        if not record.ok:
            record = without_secrets(record, self._secrets)
        self._succeeded += record.ok
        self._failed += not record.ok
        self.summary.add(record)
        for sink in self._sinks:
            sink(record)

    def _on_collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collection_ns = time.monotonic_ns()
        else:
            pause_ns = time.monotonic_ns() - self._collection_ns
            self.client.gc_pause_max_ns = max(self.client.gc_pause_max_ns, pause_ns)

    def _watch_health(self) -> None:
        process = psutil.Process(os.getpid())
        cpu, since = time.process_time_ns(), time.monotonic_ns()
        for beat in itertools.count(1):
            due = time.monotonic_ns() + int(HEALTH_INTERVAL_S * _NS_PER_S)
            gevent.sleep(HEALTH_INTERVAL_S)
            self.client.loop_lag.add(time.monotonic_ns() - due)
            if beat % 10 == 0:
                used, now = time.process_time_ns(), time.monotonic_ns()
                share = (used - cpu) / (now - since)
                self.client.cpu_share_max = max(self.client.cpu_share_max, share)
                cpu, since = used, now
                memory = process.memory_info().rss
                self.client.memory_max_bytes = max(self.client.memory_max_bytes, memory)
