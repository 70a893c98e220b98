"""From a plan to a running engine with its record files: what a worker builds before it asks."""

import math
import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import gevent
import msgspec
from locust.env import Environment

from inferswarm.adapters.table import route, wanted
from inferswarm.arrivals.build import build_arrivals
from inferswarm.config.tree import RunConfig
from inferswarm.exchange import Outcome
from inferswarm.load.backlog import Sink
from inferswarm.load.engine import Engine, Schedule
from inferswarm.load.merge import Gauges
from inferswarm.load.plan import Plan
from inferswarm.load.streams import TTL_NS, Loan, Streams, all_of
from inferswarm.load.transport import Timeouts
from inferswarm.load.transport.gevent_recorder import GeventRecorder
from inferswarm.load.transport.http import HttpTransport
from inferswarm.load.transport.interface import Recorder
from inferswarm.load.transport.native_recorder import NativeRecorder, available
from inferswarm.reading import Texts
from inferswarm.records import Record
from inferswarm.scales import BYTES_PER_MB
from inferswarm.storage import RecordWriter
from inferswarm.summary import Summary
from inferswarm.target import Endpoint, GrpcWire, Wire, secrets_of
from inferswarm.timing import e2e_ns
from inferswarm.traces import Traces
from inferswarm.verdict import Client

_STANDING_S = 0.2
_sessions: WeakKeyDictionary[Environment, "Session"] = WeakKeyDictionary()


def attach(environment: Environment, session: "Session") -> None:
    """Make a session the one that users of this environment ask through."""
    _sessions[environment] = session


def session_of(environment: Environment) -> "Session | None":
    """The session of an environment, if one was attached."""
    return _sessions.get(environment)


class RequestFailedError(Exception):
    """What Locust's own statistics show for a failed request: its kind and detail."""


def report_to_locust(environment: Environment, records: Sequence[Record]) -> None:
    """Fire Locust's `request` event for each; what was cut at the end is no failure there."""
    for record in records:
        if record.outcome is not Outcome.CANCELLED:
            _fire(environment, record)


def _fire(environment: Environment, record: Record) -> None:
    environment.events.request.fire(  # type: ignore[no-untyped-call]  # Locust's hook has no types
        request_type=record.backend,
        name=f"{record.api} stream" if record.streamed else record.api,
        response_time=(e2e_ns(record) or record.end_ns - record.start_ns) / 1e6,
        response_length=record.bytes_in,
        exception=None if record.ok else RequestFailedError(record.kind),
        context={},
    )


class Session:
    """One worker's part of one run, from the first request to the last record on disk."""

    def __init__(self, plan: Plan, environment: Environment) -> None:
        """Users of `environment` ask through this session from now on."""
        settings = plan.settings
        self.kept: Path | None = None
        if plan.elsewhere:
            self.kept = Path(tempfile.mkdtemp(prefix=f"inferswarm-{plan.run}-"))
            plan = msgspec.structs.replace(plan, records=str(self.kept))
        self._grace_s = settings.load.grace.seconds
        self.think_time_s = settings.load.think_time.seconds
        self._arrivals = build_arrivals(settings.arrivals, plan.trace)
        self._until_ns = settings.lasting if settings.lasting is not None else math.inf
        self._streams = Streams(plan.streams) if plan.streams else all_of(plan.worker, plan.workers)
        self._most_under_way = max(1, settings.load.max_in_flight // plan.workers)
        self._plays = False
        recorder = _recorder(settings)
        self._writer = _record_writer(plan, settings, recorder)
        sinks: list[Sink] = [partial(report_to_locust, environment)]
        if self._writer is not None:
            sinks.insert(0, self._writer.write)
        self.engine = _build_engine(plan, settings, self._streams, recorder, sinks)
        self.final = False
        attach(environment, self)

    def play_from(self, start_ns: int) -> None:
        """Play the schedule of an open loop, which begins at `start_ns` (`clock.now_ns`), to the drain.

        Once: a second call does nothing.
        """
        if self._arrivals is not None and not self._plays:
            self._plays = True
            schedule = Schedule(self._arrivals, start_ns, self._until_ns)
            self.engine.play(schedule, self._most_under_way)

    def lend(self, number: int, loans: Sequence[Loan], heard_ns: int) -> bool:
        """The master's newest word on our streams, in answer to our beat of `heard_ns` (monotonic).

        Whether it changed what we hold.
        """
        return self.engine.lend(number, loans, heard_ns + TTL_NS)

    def beat(self) -> dict[str, Any]:
        """What the master must hear now and then: which loans we know, and how far we came."""
        return {
            "sent_ns": time.monotonic_ns(),
            "number": self._streams.number,
            "progress": list(self._streams.progress().items()),
        }

    def act(self) -> bool:
        """What a Locust user does; False when nothing is left.

        It asks once. In open loop users only stand for the schedule, which plays without them.
        """
        if self._arrivals is None:
            return self.engine.ask()
        gevent.sleep(_STANDING_S)
        return not self.engine.stopping

    def drain(self, grace_s: float | None = None) -> None:
        """End the load in order: everything asked is answered or cut, read, and written.

        `grace_s` goes before `load.grace`.
        """
        self.engine.drain(self._grace_s if grace_s is None else grace_s)
        if self.final:
            return  # somebody else, more impatient, has drained meanwhile
        if self._writer is not None:
            self._writer.close()
        self.engine.close()
        self.final = True

    def take_delta(self) -> tuple[Summary, Client, Gauges]:
        """What was counted since the last call, and where the session stands."""
        summary, client = self.engine.take_delta()
        if self._writer is not None:
            self._writer.rotate()
        trouble = self._writer.trouble if self._writer else ""
        if self.final and self._writer is not None:
            client.unwritten_records = self._writer.unwritten
        gauges = Gauges(
            in_flight=self.engine.in_flight,
            exhausted=self.engine.exhausted.is_set(),
            trouble=trouble,
            final=self.final,
        )
        return summary, client, gauges


def _recorder(settings: RunConfig) -> Recorder:
    """The recorder asked for; `auto` is the native one where it works."""
    wanted, limit_bytes = settings.load.recorder, settings.load.answer_limit_mb * BYTES_PER_MB
    if wanted == "native" or (wanted == "auto" and available()):
        return NativeRecorder(limit_bytes)
    return GeventRecorder(limit_bytes)


def _record_writer(plan: Plan, settings: RunConfig, recorder: Recorder) -> RecordWriter | None:
    if not plan.records:
        return None
    return RecordWriter(
        Path(plan.records),
        plan.run,
        plan.worker,
        settings.output.part_mb * BYTES_PER_MB,
        int(settings.output.part_time),
        recorder=recorder.name,
        clock=recorder.clock,
    )


def _build_engine(
    plan: Plan,
    settings: RunConfig,
    streams: Streams,
    recorder: Recorder,
    sinks: Sequence[Sink],
) -> Engine:
    target = settings.target
    way = route(target.backend, target.api)
    endpoint = Endpoint.of(target, way.framing)
    return Engine(
        transport=HttpTransport(endpoint, Timeouts.of(settings.timeouts), recorder),
        wire=GrpcWire.of(target) if way.framing == "http2" else Wire.of(target),
        prompts=plan.questions,
        route=way,
        wanted=wanted(settings.request, way, plan.model, stream=target.stream),
        streams=streams,
        sinks=sinks,
        secrets=secrets_of(target, os.environ),
        give_up_after=settings.load.give_up_after,
        worker=plan.worker,
        requests=settings.load.requests,
        texts=Texts(all=settings.output.keep_answers, uncounted=bool(settings.prompts.tokenizer)),
        conversations=settings.prompts.conversations,
        turn_pause_ns=settings.prompts.turn_pause,
        traces=_traces(plan, settings),
    )


def _traces(plan: Plan, settings: RunConfig) -> Traces | None:
    share = settings.telemetry.trace_sample
    return Traces(plan.run, share, settings.prompts.seed) if share else None
