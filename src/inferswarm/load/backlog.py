"""Exchanges that have ended and are not read yet: parsed off the clock, counted, handed to the sinks."""

import time
from collections import deque
from collections.abc import Callable, Sequence

import gevent
from gevent import get_hub
from gevent.event import Event

from inferswarm.adapters import Adapter
from inferswarm.exchange import Exchange, Tape
from inferswarm.reading import NO_TEXTS, Asked, Texts, read_exchange, without_secrets
from inferswarm.records import Record
from inferswarm.summary import Summary
from inferswarm.verdict import Client

LIMIT_BYTES = 16 << 20
FORCED_READS = 16
BATCH = 16
SLICE_NS = 60_000
# What Python holds for each exchange, and for each read's time and end.
_EXCHANGE_COSTS_BYTES = 1_500
_READ_COSTS_BYTES = 80

Sink = Callable[[Sequence[Record]], None]
Told = Callable[[Exchange, Record], None]
"""Who waits for one exchange to be read; it must not block."""


class Backlog:
    """Makes exactly one record of each exchange that is put into it, in the order in which they ended.

    They are read when the loop has nothing else to do, one at a time or for at most `SLICE_NS`. When
    more than `LIMIT_BYTES` wait, reading takes its turn, `FORCED_READS` at a time, which is counted.
    Records are counted and written in batches of at most `BATCH`, and at once when nothing more waits.
    """

    def __init__(
        self,
        adapter: Adapter,
        sinks: Sequence[Sink],
        secrets: tuple[str, ...],
        texts: Texts = NO_TEXTS,
    ) -> None:
        self._adapter = adapter
        self._texts = texts
        self._sinks = sinks
        self._secrets = secrets
        self._unread: deque[tuple[Exchange, Asked, Told | None]] = deque()
        self._unread_bytes = 0
        self._something_unread = Event()
        self._records: list[Record] = []
        self._summary = Summary()
        self._deepest = self._forced = 0
        self.succeeded = self.failed = 0
        self._greenlet = gevent.spawn(self._read_when_idle)

    def put(self, exchange: Exchange, asked: Asked, told: Told | None = None) -> None:
        """Take in an exchange; it is read later, in its turn, and `told` is called then."""
        self._unread.append((exchange, asked, told))
        self._unread_bytes += _weight(exchange.tape)
        self._something_unread.set()

    def read_all(self) -> None:
        """Read all that waits, now."""
        while self._unread:
            self._read_one()
        self._hand_over()

    def take(self, client: Client) -> Summary:
        """What was counted since the last call; how deep it got is told to `client`."""
        self._hand_over()
        summary, self._summary = self._summary, Summary()
        client.parse_backlog_max = self._deepest
        client.parse_turns_forced = self._forced
        self._deepest = self._forced = 0
        return summary

    def close(self) -> None:
        """Stop reading."""
        self._greenlet.kill()

    def _read_when_idle(self) -> None:
        hub = get_hub()
        idle = hub.loop.idle()
        while True:
            self._something_unread.wait()
            while self._unread:
                self._deepest = max(self._deepest, len(self._unread))
                if self._unread_bytes > LIMIT_BYTES:
                    self._forced += 1
                    gevent.sleep(0)
                    for _ in range(FORCED_READS):
                        self._read_one()
                else:
                    hub.wait(idle)
                    self._read_for(SLICE_NS)
            self._hand_over()
            self._something_unread.clear()

    def _read_for(self, slice_ns: int) -> None:
        """Read one, and more of those that cost little: asking the loop again costs some as well."""
        until_ns = time.monotonic_ns() + slice_ns
        self._read_one()
        while self._unread and time.monotonic_ns() < until_ns:
            self._read_one()

    def _read_one(self) -> None:
        if not self._unread:
            return
        exchange, asked, told = self._unread.popleft()
        self._unread_bytes -= _weight(exchange.tape)
        record = read_exchange(exchange, asked, self._adapter, self._texts)
        if record.answer or not record.ok:
            record = without_secrets(record, self._secrets)
        self.succeeded += record.ok
        self.failed += not record.ok
        if told is not None:
            told(exchange, record)
        self._records.append(record)
        if len(self._records) >= BATCH:
            self._hand_over()

    def _hand_over(self) -> None:
        records, self._records = self._records, []
        if records:
            self._summary.add_all(records)
            for sink in self._sinks:
                sink(records)


def _weight(tape: Tape) -> int:
    return _EXCHANGE_COSTS_BYTES + len(tape.data) + _READ_COSTS_BYTES * len(tape.ends)
