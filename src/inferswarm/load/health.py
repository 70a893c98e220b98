"""How the client itself fares, measured all the time: a client in trouble measures itself."""

import gc
import itertools
import os
import time

import gevent
import psutil

from inferswarm.load.transport.interface import Recorder
from inferswarm.scales import NS_PER_S
from inferswarm.verdict import Client

BEAT_S = 0.1


class Health:
    """Fills in a `Client` while the load runs."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._cores = len(psutil.Process().cpu_affinity() or [0])
        self._client = self._new_client()
        self._collection_ns = 0
        gc.callbacks.append(self._on_collection)
        self._greenlet = gevent.spawn(self._watch)

    def take(self) -> Client:
        """What was seen since the last call."""
        client, self._client = self._client, self._new_client()
        return client

    def close(self) -> None:
        """Stop watching."""
        gc.callbacks.remove(self._on_collection)
        self._greenlet.kill()

    def _new_client(self) -> Client:
        return Client(recorder=self._recorder.name, clock=self._recorder.clock)

    def _on_collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collection_ns = time.monotonic_ns()
        else:
            pause_ns = time.monotonic_ns() - self._collection_ns
            self._client.gc_pause_max_ns = max(self._client.gc_pause_max_ns, pause_ns)

    def _watch(self) -> None:
        process = psutil.Process(os.getpid())
        cpu = self._cpu()
        for beat in itertools.count(1):
            due = time.monotonic_ns() + int(BEAT_S * NS_PER_S)
            gevent.sleep(BEAT_S)
            self._client.loop_lag.add(time.monotonic_ns() - due)
            if beat % 10 == 0:
                cpu = self._note_costs(process, cpu)

    def _note_costs(
        self, process: psutil.Process, before: tuple[int, int, int]
    ) -> tuple[int, int, int]:
        """Note CPU since `before`, memory and descriptors; what `before` is next time."""
        now = self._cpu()
        passed, used, by_reader = (new - old for new, old in zip(now, before, strict=True))
        client = self._client
        # The reading thread runs beside the interpreter, where there is a second core for it.
        share = max((used - by_reader) / passed, used / passed / self._cores)
        client.cpu_share_max = max(client.cpu_share_max, share)
        client.reader_cpu_share_max = max(client.reader_cpu_share_max, by_reader / passed)
        client.memory_max_bytes = max(client.memory_max_bytes, process.memory_info().rss)
        client.descriptors_max = max(client.descriptors_max, process.num_fds())
        return now

    def _cpu(self) -> tuple[int, int, int]:
        """(monotonic time, CPU of the process, CPU of the recorder's own thread) in nanoseconds."""
        return time.monotonic_ns(), time.process_time_ns(), self._recorder.cpu_ns()
