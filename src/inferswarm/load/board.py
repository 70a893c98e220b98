"""What a standing master is at, for whoever asks over HTTP, and the requests that wait for an answer."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.timeout import Timeout

from inferswarm.facts import KEPT_RUNS
from inferswarm.load.history import History

ANSWER_LIMIT_S = 180.0
LOOK_S = 0.1


class RefusedError(Exception):
    """A run was not started; `status` is HTTP's word for why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Board:
    """State of the run that goes on and of those before.

    state       until
    idle        somebody asks for a run
    preparing   the driving process has checked it and gives the plan, or refuses
    starting    all workers are ready
    running     nothing more is asked
    draining    every number is in
    finishing   the driving process has written and uploaded the results
    """

    def __init__(
        self,
        say: Callable[..., None],
        workers: Callable[[], int],
        whole: Callable[[], bool] = lambda: True,
    ) -> None:
        """`say` passes events on to the driving process; `workers` counts those of other machines.

        Until `whole`, more of them are on their way, and a run waits for them.
        """
        self._say = say
        self._workers, self._whole = workers, whole
        self._answer: AsyncResult[str] | None = None
        self.state = "idle"
        self.run: dict[str, Any] = {}
        self.live: dict[str, Any] = {}
        self.history = History()
        self.asked = 0
        """How many runs were asked for: another number, another history."""
        self.runs: dict[str, dict[str, Any]] = {}

    def ask(self, config: Mapping[str, Any], key: str = "") -> dict[str, Any]:
        """Ask the driving process for a run of `config`; its facts once all workers are ready.

        Asked again with the same `key`, it is the same run. Raises RefusedError while another one goes
        on, when it is refused, and when it fails to start.
        """
        for run in self.runs.values():
            if key and run.get("key") == key:
                return run
        if self.state != "idle":
            raise RefusedError(409, f"a run is {self.state}: wait for its end, or stop it")
        self.state, self.run, self.live = "preparing", {}, {}
        self.asked, self.history = self.asked + 1, History()
        self._answer = AsyncResult()
        while not self._whole():
            gevent.sleep(LOOK_S)
        try:
            self._say("asked", config=dict(config), key=key, workers=self._workers())
            if why := self._answer.get(timeout=ANSWER_LIMIT_S):
                raise RefusedError(422, why)
        except Timeout:
            raise RefusedError(504, "the run did not start in time; see the log") from None
        except (TypeError, ValueError, RecursionError) as error:
            self.state = "idle"
            raise RefusedError(422, f"config: {error}") from None
        finally:
            self._answer = None
        return self.run

    def carried(self, run: Mapping[str, Any]) -> None:
        """The driving process has given the plan of this run."""
        self.state = "starting"
        self.told(run)

    def refused(self, why: str) -> None:
        """The driving process does not carry out what was asked, or could not finish it."""
        self._reply(why)
        if self.run:
            self.run |= {"final": "failed", "error": why}
        self.state = "idle"

    def told(self, run: Mapping[str, Any]) -> None:
        """The driving process knows more of a run; one whose `state` is final makes room for others."""
        known = self.runs.setdefault(str(run["id"]), {})
        known |= run
        self.run = known
        while len(self.runs) > KEPT_RUNS:
            del self.runs[next(iter(self.runs))]
        if "final" in run:
            self.state = "idle"
        elif self.state == "idle":  # one that was cut off, and is brought to its end now
            self.state = "finishing"

    def said(self, event: str, data: Mapping[str, Any]) -> None:
        """The master has said something."""
        if event == "started":
            self.state = "running"
            self._reply("")
        elif event == "snapshot":
            self.live = dict(data)
            self.history.add(time.time_ns() // 1_000_000, data)
        elif event == "draining":
            self.state = "draining"
        elif event in ("ended", "failed"):
            self.state = "finishing"
            self._reply(str(data.get("error") or "stopped before it started"))

    def state_of_all(self) -> dict[str, Any]:
        """What is answered to whoever asks how it is."""
        return {"state": self.state, "run": self.run, "workers": self._workers()}

    def view(self, after_ms: int) -> dict[str, Any]:
        """All that somebody needs who watches: the state, the last snapshot, and points after a time."""
        return self.state_of_all() | {
            "asked": self.asked,
            "live": self.live,
            "points": self.history.after(after_ms),
        }

    def _reply(self, why: str) -> None:
        if self._answer is not None and not self._answer.ready():
            self._answer.set(why)
