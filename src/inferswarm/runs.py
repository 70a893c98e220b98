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
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Self

import msgspec

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


class LocalRun:
    """A master and its workers on this machine; a context manager that leaves no process behind."""

    def __init__(self, plan: dict[str, Any], workers: int, log: Path) -> None:
        self._plan = {"token": new_token()} | plan
        self._workers = workers
        self._log = log.open("ab")
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._processes: list[subprocess.Popen[bytes]] = []
        self.state = State.STARTING

    def __enter__(self) -> Self:
        master = self._spawn("inferswarm.load.master", stdout=subprocess.PIPE)
        self._tell(master, msgspec.json.encode(self._plan) + b"\n")
        threading.Thread(target=self._listen, args=(master.stdout,), daemon=True).start()
        # Started at once, told where the master is when it listens: all load modules meanwhile.
        for _ in range(self._workers):
            self._spawn("inferswarm.load.worker")
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._log.close()

    def events(self, tick_s: float = 0.25) -> Iterator[dict[str, Any]]:
        """The master's events until the run has ended; `{"event": "tick"}` in between.

        Raises LoadProcessError when the load processes fail, with what they said.
        """
        while self.state not in (State.ENDED, State.FAILED):
            try:
                event = self._events.get(timeout=tick_s)
            except queue.Empty:
                yield {"event": "tick"}
                continue
            if event is None:
                self.state = State.FAILED
                raise LoadProcessError(
                    f"the master process ended unexpectedly ({self._last_words()}); "
                    f"see {self._log.name}"
                )
            self._advance(event)
            yield event

    def stop(self) -> None:
        """End the load in order: what is under way may finish within the grace period."""
        if self._processes:
            self._tell(self._processes[0], b"stop\n")

    def kill(self) -> None:
        """End all processes: those that can, by themselves; the others after a short while."""
        for process in self._processes:
            if process.stdin is not None and not process.stdin.closed:
                process.stdin.close()
        for process in self._processes:
            try:
                process.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill_now(self) -> None:
        """End all processes at once."""
        for process in self._processes:
            process.kill()

    def _last_words(self) -> str:
        lines = Path(self._log.name).read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"

    def _advance(self, event: dict[str, Any]) -> None:
        self.state = NEXT.get((self.state, event["event"]), self.state)
        if event["event"] == "listening":
            for worker in self._processes[1:]:
                self._tell(
                    worker, f"127.0.0.1:{event['port']} {self._plan['token']} local\n".encode()
                )
        elif self.state is State.FAILED:
            raise LoadProcessError(f"{event['error']}; see {self._log.name}")

    def _spawn(self, module: str, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        # A session of its own keeps the terminal's Ctrl-C from it: this process decides what it means.
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=self._log,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def _listen(self, stdout: IO[bytes]) -> None:
        try:
            for line in stdout:
                self._events.put(msgspec.json.decode(line))
        except msgspec.DecodeError:
            return  # the master died in the middle of a line
        finally:
            stdout.close()
            self._events.put(None)

    @staticmethod
    def _tell(process: subprocess.Popen[bytes], line: bytes) -> None:
        if process.stdin is not None and not process.stdin.closed:
            try:
                process.stdin.write(line)
                process.stdin.flush()
            except BrokenPipeError:
                return  # it is gone; the end of its output says so
