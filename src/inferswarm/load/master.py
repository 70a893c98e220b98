"""One run on the side of Locust's master: from the workers' greetings to their last word."""

import logging
import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent.event import Event

from inferswarm import snapshot
from inferswarm.arrivals import upto
from inferswarm.arrivals.build import build_arrivals
from inferswarm.clock import now_ns
from inferswarm.exposition.tally import Ledger
from inferswarm.load import messages
from inferswarm.load.lender import Lender
from inferswarm.load.merge import DeltaMerger
from inferswarm.load.mouth import Mouth
from inferswarm.load.parts import PartsReceiver
from inferswarm.load.plan import Plan, digest
from inferswarm.load.streams import how_many
from inferswarm.load.swarm import Swarm
from inferswarm.otel.counted import counted
from inferswarm.verdict import ALL_LOST, GAVE_UP

READY_LIMIT_S = 30.0
REMOTE_LIMIT_S = 600.0
PARTS_LIMIT_S = 20.0
SNAPSHOT_INTERVAL_S = 0.5
LAST_WORD_LIMIT_S = 10.0
OPEN_LOOP_NOTICE_NS = 300_000_000
OVERTIME_S = 5.0
NO_USER = "no user is left for it"
_log = logging.getLogger(__name__)


class Master:
    """Carries out one plan: workers ready, users started, deltas merged, load ended in order."""

    def __init__(self, plan: Plan, swarm: Swarm, mouth: Mouth) -> None:
        self._plan = plan
        self._settings = plan.settings
        self._load = plan.settings.load
        self._swarm = swarm
        self._runner = swarm.runner
        self._mouth = mouth
        self._merger = DeltaMerger()
        self._deals = False
        self._ready: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._start_ns = 0
        self._started_s = 0.0
        self._spawning: gevent.Greenlet[..., None] | None = None
        self._changes: list[dict[str, float]] = []
        self._stop_reason = ""
        self._changed = Event()
        self._wanted = self._load.workers + self._load.remote_workers
        # In closed loop a worker without a user would send nothing of the streams that it is lent.
        self._most = sys.maxsize if self._settings.arrivals.open_loop else self._load.users
        self._lender = Lender(self._runner, how_many(self._wanted))
        self._parts = PartsReceiver(Path(plan.records))
        self._count_at_s = 0.0 if self._settings.telemetry.otlp else math.inf
        swarm.listen(
            self._on_hello,
            {
                messages.READY: self._on_ready,
                messages.DELTA: self._on_delta,
                messages.BEAT: self._on_beat,
                messages.PART: self._on_part,
            },
        )

    def run(self) -> None:
        """From the workers' greetings to the last worker's last word."""
        error = self._make_ready()
        if error and not self._stop_reason:
            self._mouth.say("failed", error=error)
            return
        if not error:
            self._carry_load()
        self._drain()

    def count_in(self, ledger: Ledger) -> None:
        """Let a ledger count what this run comes to, as it comes."""
        ledger.begin(self._settings.target.backend, self._plan.model, self._merger.summary)

    def stop(self, reason: str) -> None:
        """End the load in order; the first reason counts."""
        self._stop_reason = self._stop_reason or reason
        self._changed.set()

    def change_users(self, users: int, spawn_rate_per_s: float) -> str:
        """Another number of users for the rest of a closed loop; why that cannot be, or nothing."""
        if self._settings.arrivals.open_loop:
            return "an open loop has a schedule, no users: stop it, and start another"
        if self._spawning is None or self._stop_reason:
            return "no load goes on whose users could be changed"
        if users < (least := len(self._working())):
            return f"users: {users} are too few, each of the {least} workers needs one"
        self._spawning.kill()
        self._most = users
        at_s = time.monotonic() - self._started_s
        self._changes.append({"at_s": round(at_s, 3), "users": users})
        self._spawning = gevent.spawn(self._spawn, users, spawn_rate_per_s)
        return ""

    def _spawn(self, users: int, rate_per_s: float) -> None:
        """Another number of users; workers for whom none was left may find one then."""
        self._runner.start(users, rate_per_s)
        for worker in list(self._swarm.greeted):
            if worker not in self._numbers or self._ready.get(worker) == NO_USER:
                self._on_hello(worker)  # whether it is still there, its answer tells

    def _on_hello(self, worker: str) -> None:
        if self._deals and len(self._working()) < self._most:
            self._send_plan(worker)
        self._changed.set()

    def _on_ready(self, worker: str, told: Mapping[str, Any]) -> None:
        if self._ready.get(worker) == "":
            return  # it was given its plan twice
        self._ready[worker] = told.get("error") or ""
        if self._runner.closed:
            self._admit(worker, self._ready[worker])
        self._changed.set()

    def _admit(self, worker: str, error: str) -> None:
        """A worker came late and is ready: it takes its part of what is still to come."""
        if error:
            _log.warning("a late worker cannot start: %s", error)
            self._runner.give_up(worker)
            return
        if len(self._working()) > self._most:
            self._ready[worker] = NO_USER  # arrivals lent to it would not be sent
            _log.warning("worker %s has nothing to do: each user has a worker of its own", worker)
            return
        _log.info("worker %s joins", worker)
        self._merger.client.workers += 1
        self._runner.admit(worker)
        self._lender.join(worker)
        if self._settings.arrivals.open_loop:
            start = {"start_ns": self._start_ns}
            self._swarm.send(worker, messages.START, start)

    def _on_part(self, worker: str, told: Mapping[str, Any]) -> None:
        ack = self._parts.receive(worker, told)
        if ack is not None:
            self._swarm.send(worker, messages.PART_ACK, ack)
        self._changed.set()

    def _send_plan(self, worker: str) -> None:
        # Lost workers are forgotten by the swarm, but their numbers are in the names of records.
        number = self._numbers.setdefault(worker, len(self._numbers))
        plan = self._plan.for_worker(number, self._wanted, how_many(self._wanted))
        if not self._swarm.greeted[worker]:
            plan = plan.for_elsewhere()
        packed = plan.pack()
        _log.info("plan %s for worker %s", digest(packed)[:12], worker)
        self._swarm.send(worker, messages.PLAN, {"plan": packed})

    def _on_delta(self, worker: str, told: Mapping[str, Any]) -> None:
        number = self._merger.receive(worker, told["delta"])
        self._swarm.send(worker, messages.ACK, {"number": number})
        self._changed.set()

    def _on_beat(self, worker: str, told: Mapping[str, Any]) -> None:
        if worker in self._working():
            self._lender.heard(worker, told)
            self._changed.set()

    def _make_ready(self) -> str:
        """Give every worker its plan and wait for its word; what went wrong, or nothing."""
        wanted = self._wanted
        limit_s = READY_LIMIT_S if not self._load.remote_workers else REMOTE_LIMIT_S
        greeted = self._swarm.greeted
        if not self._wait(lambda: len(greeted) >= wanted, limit_s):
            return self._stop_reason or (
                f"{len(greeted)} of {wanted} workers connected within {limit_s:g} s"
            )
        self._deals = True
        for worker in list(greeted)[self._most :]:
            self._swarm.send_home(worker)
        for worker in greeted:
            self._send_plan(worker)
        if not self._wait(lambda: len(self._ready) >= wanted, READY_LIMIT_S):
            return self._stop_reason or f"only {len(self._ready)} of {wanted} workers are ready"
        self._merger.client.workers = len(self._ready)
        if why := next((why for why in self._ready.values() if why), ""):
            return f"a worker cannot start: {why}"
        self._runner.closed = True
        self._lender.deal(list(self._ready))
        if not self._wait(self._lender.all_know, READY_LIMIT_S):
            return self._stop_reason or "workers do not answer"
        return ""

    def _carry_load(self) -> None:
        """Start users, then show snapshots until a reason to stop comes up."""
        self._mouth.say("started")
        self._spawning = gevent.spawn(self._start_users)
        self._started_s = time.monotonic()
        end = self._started_s + self._lasting_s()
        while not self._stop_reason:
            left_s = end - time.monotonic()
            self._changed.clear()
            gevent.sleep(max(0.0, min(SNAPSHOT_INTERVAL_S, left_s)))
            self._give_up_silent()
            self._show()
            self._stop_reason = self._stop_reason or self._reason_to_stop(left_s)
        self._spawning.kill()

    def _give_up_silent(self) -> None:
        """Lend on what lost workers held, once they cannot send any more of it."""
        self._runner.give_up_missing()
        for worker in self._lender.silent():
            self._runner.give_up(worker)
            self._lender.lose(worker, self._first_not_due())

    def _first_not_due(self) -> int:
        """The first arrival of an open loop that is still to come; 0 in closed loop."""
        arrivals = build_arrivals(self._settings.arrivals, self._plan.trace)
        if arrivals is None or not self._start_ns:
            return 0
        return upto(arrivals, now_ns() - self._start_ns)

    def _start_users(self) -> None:
        """All clients of a closed loop, or one user for each worker, which stands for its schedule."""
        users, rate = self._load.users, float(self._load.spawn_rate)
        if self._settings.arrivals.open_loop:
            self._start_ns = now_ns() + OPEN_LOOP_NOTICE_NS
            self._swarm.send_all(messages.START, {"start_ns": self._start_ns})
            users, rate = self._wanted, float(self._wanted)
        self._runner.start(users, rate)

    def _lasting_s(self) -> float:
        """How long to load at most; a schedule ends by itself, and is only cut when it hangs."""
        lasting = self._settings.lasting
        if lasting is None:
            return float("inf")
        return lasting.seconds + (OVERTIME_S if self._settings.arrivals.open_loop else 0.0)

    def _reason_to_stop(self, left_s: float) -> str:
        if left_s <= 0:
            return "duration"
        gauges = [self._merger.gauges.get(worker) for worker in self._working()]
        if not gauges:
            return ALL_LOST
        if trouble := self._merger.live()["trouble"]:
            return str(trouble)
        failed, limit = self._merger.summary.failed, self._load.give_up_after
        if limit and failed >= limit and not self._merger.summary.succeeded:
            return GAVE_UP
        if all(gauge is not None and gauge.exhausted for gauge in gauges):
            return "schedule" if self._settings.arrivals.open_loop else "requests"
        return ""

    def _drain(self) -> None:
        """No more requests; wait for every worker's last word, but not for ever."""
        load_ended_ns = now_ns()
        self._mouth.say("draining", reason=self._stop_reason)
        self._swarm.send_all(messages.DRAIN, {})
        limit_s = self._load.grace.seconds + LAST_WORD_LIMIT_S
        end = time.monotonic() + limit_s
        while not self._all_final() and time.monotonic() < end:
            self._changed.clear()
            self._changed.wait(SNAPSHOT_INTERVAL_S)
            self._give_up_silent()
            self._show()
        silent = [worker for worker in self._working() if not self._is_final(worker)]
        done = (worker for worker in self._working() if worker not in silent)
        self._collect_parts([worker for worker in done if not self._swarm.greeted[worker]])
        client = self._merger.client
        client.lost_workers = sorted(self._runner.lost.intersection(self._ready) | set(silent))
        self._mouth.say(
            "ended",
            reason=self._stop_reason,
            load_ended_ns=load_ended_ns,
            changes=self._changes,
            trouble=self._merger.live()["trouble"],
            attempted=self._merger.summary.attempted,
            client=msgspec.to_builtins(client, str_keys=True),
            **({"counted": counted(self._merger.summary)} if self._settings.telemetry.otlp else {}),
        )

    def _collect_parts(self, workers: Sequence[str]) -> None:
        """Wait for the records of workers on other machines, as long as they keep coming."""
        while not self._parts.all_from(workers) and self._parts.silent_s() < PARTS_LIMIT_S:
            self._changed.clear()
            self._changed.wait(SNAPSHOT_INTERVAL_S)
        if missing := self._parts.missing_from(workers):
            _log.warning("records did not arrive from: %s", ", ".join(missing))

    def _show(self) -> None:
        summary, now_ns = self._merger.summary, time.time_ns()
        shot = snapshot.take(summary, self._merger.client)
        self._mouth.say(
            "snapshot",
            users=self._runner.user_count,
            workers=len(self._working()),
            **self._merger.live(self._runner.lost),
            recent=snapshot.recent(summary, now_ns),
            latest=snapshot.latest(summary, now_ns),
            snapshot=msgspec.to_builtins(shot),
        )
        if time.monotonic() >= self._count_at_s:
            self._count_at_s = time.monotonic() + self._settings.telemetry.otlp_interval.seconds
            self._mouth.say("counted", counted=counted(summary))

    def _working(self) -> list[str]:
        """Those that are ready and not lost; whoever greeted late and is not ready yet does no work."""
        lost = self._runner.lost
        return [worker for worker, error in self._ready.items() if not error and worker not in lost]

    def _is_final(self, worker: str) -> bool:
        gauges = self._merger.gauges.get(worker)
        return gauges is not None and gauges.final

    def _all_final(self) -> bool:
        return all(self._is_final(worker) for worker in self._working())

    def _wait(self, reached: Any, limit_s: float) -> bool:
        end = time.monotonic() + limit_s
        while not reached() and not self._stop_reason and time.monotonic() < end:
            self._changed.clear()
            self._changed.wait(0.1)
        return bool(reached()) and not self._stop_reason
