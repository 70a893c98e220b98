"""A run's life: starts a Locust master and its workers as processes, and follows them to the end.

state      event                         next       note
starting   master says `listening`       starting   workers are told where
starting   master says `started`         running
starting   master says `failed`          failed     nothing was asked
    starting   master says `ended`           ended      stopped before anything was asked
running    master says `draining`        draining   duration, count, Ctrl-C, trouble, or all lost
draining   master says `ended`           ended      every number is in
any        the master is gone            failed     records stay on the workers' disks
"""

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from inferswarm import children
from inferswarm.errors import LoadProcessError
from inferswarm.secret import new_token

END_LIMIT_S = 5.0


class State(StrEnum):
    """Where a run is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    ENDED = "ended"
    FAILED = "failed"


NEXT = {
    (State.STARTING, "listening"): State.STARTING,
    (State.STARTING, "started"): State.RUNNING,
    (State.STARTING, "failed"): State.FAILED,
    (State.STARTING, "ended"): State.ENDED,
    (State.RUNNING, "snapshot"): State.RUNNING,
    (State.RUNNING, "draining"): State.DRAINING,
    (State.DRAINING, "snapshot"): State.DRAINING,
    (State.DRAINING, "ended"): State.ENDED,
}


class MasterProcess:
    """A Locust master on this machine, for one run after another; a context manager that ends it."""

    def __init__(
        self,
        bind: str,
        token: str,
        log: Path,
        web: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """`bind` is HOST:PORT where workers join; empty is a free port on loopback.

        `web` describes its web side in the words of `load.web.WebOptions`; without it there is none.
        `metrics` says where Prometheus finds it, in the words of `load.scrape.ScrapeOptions`.
        """
        self.token = token
        self.log = log
        self.port = 0
        self.web_port = 0
        self.metrics_port = 0
        self._opening = {"bind": bind, "token": token, "web": dict(web or {})}
        self._opening["metrics"] = dict(metrics or {})
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.processes: list[subprocess.Popen[bytes]] = []
        """Its process, once it is started."""

    def __enter__(self) -> Self:
        process = _spawn("inferswarm.load.desk", self.log, stdout=subprocess.PIPE)
        said, process.stdout = process.stdout, None  # the thread's from now on
        self.processes = [process]
        self.order("open", **self._opening)
        threading.Thread(target=self._listen, args=(said,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        children.end(self.processes, END_LIMIT_S)

    def order(self, what: str, **more: Any) -> None:
        """Tell it to do something, in the words of `load.desk`."""
        for process in self.processes:
            _tell(process, msgspec.json.encode({"do": what, **more}) + b"\n")

    def event(self, limit_s: float) -> dict[str, Any]:
        """Its next event, `{"event": "tick"}` when there is none within `limit_s`.

        Raises LoadProcessError when the process has ended, with what it said.
        """
        try:
            event = self._events.get(timeout=limit_s)
        except queue.Empty:
            return {"event": "tick"}
        if event is None:
            self._events.put(None)  # it stays ended, however often somebody looks
            raise LoadProcessError(
                f"the master process ended unexpectedly ({self._last_words()}); see {self.log}"
            )
        if event["event"] == "listening":
            self.port, self.web_port = event["port"], event["web"]
            self.metrics_port = event["metrics"]
        return event

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"

    def _listen(self, stdout: IO[bytes]) -> None:
        try:
            for line in stdout:
                self._events.put(msgspec.json.decode(line))
        except msgspec.DecodeError:
            return  # the master died in the middle of a line
        finally:
            stdout.close()
            self._events.put(None)


class LocalRun:
    """One run by a master, with workers on this machine; a context manager that leaves none behind."""

    def __init__(
        self,
        plan: dict[str, Any],
        workers: int,
        log: Path,
        master: MasterProcess | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Without a `master` the run has one of its own; a standing one tells the run's `facts`."""
        self._plan = {"token": new_token()} | plan
        self._facts = dict(facts or {})
        self._count = workers
        self._log = log
        self._own = None
        if master is None:
            bind = plan["config"]["load"]["bind"]
            at = {"where": plan["config"]["telemetry"]["serve_metrics"]}
            master = self._own = MasterProcess(bind, self._plan["token"], log, metrics=at)
        self._master = master
        self._workers: list[subprocess.Popen[bytes]] = []
        self.state = State.STARTING

    def __enter__(self) -> Self:
        if self._own is not None:
            self._own.__enter__()
        self._master.order("carry", plan=self._plan, run=self._facts)
        # Started at once, told where the master is when it listens: all load modules meanwhile.
        self._workers = [_spawn("inferswarm.load.worker", self._log) for _ in range(self._count)]
        if self._master.port:
            self._introduce()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def events(self, tick_s: float = 0.25) -> Iterator[dict[str, Any]]:
        """The master's events until the run has ended; `{"event": "tick"}` in between.

        Raises LoadProcessError when the load processes fail, with what they said.
        """
        while self.state not in (State.ENDED, State.FAILED):
            try:
                event = self._master.event(tick_s)
            except LoadProcessError:
                self.state = State.FAILED
                raise
            self._advance(event)
            yield event

    @property
    def pids(self) -> list[int]:
        """Its processes, the master first."""
        return [process.pid for process in (*self._master.processes, *self._workers)]

    def stop(self) -> None:
        """End the load in order: what is under way may finish within the grace period."""
        self._master.order("stop")

    def kill(self) -> None:
        """End all processes of this run: those that can, by themselves; the others soon after."""
        children.end(self._ours(), END_LIMIT_S)

    def kill_now(self) -> None:
        """End them at once."""
        for process in self._ours():
            process.kill()

    def _ours(self) -> list[subprocess.Popen[bytes]]:
        return [*(self._own.processes if self._own is not None else ()), *self._workers]

    def _advance(self, event: dict[str, Any]) -> None:
        self.state = NEXT.get((self.state, event["event"]), self.state)
        if event["event"] == "listening":
            self._introduce()
        elif self.state is State.FAILED:
            raise LoadProcessError(f"{event['error']}; see {self._log}")

    def _introduce(self) -> None:
        """Tell the workers where their master is."""
        told = f"127.0.0.1:{self._master.port} {self._master.token} local\n".encode()
        for worker in self._workers:
            _tell(worker, told)


def _spawn(module: str, log: Path, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    # A session of its own keeps the terminal's Ctrl-C from it: this process decides what it means.
    with log.open("ab") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )


def _tell(process: subprocess.Popen[bytes], line: bytes) -> None:
    if process.stdin is not None:
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except BrokenPipeError:
            return  # it is gone; the end of its output says so
