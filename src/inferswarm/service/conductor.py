"""Has the master carry out one queued run after another, and follows each to its end.

The registry is the truth: what is not there did not happen. A run's id here is the key by which the
master knows the wish for it, so asking again, after either side was killed, never makes a second run.
"""

import contextlib
import logging
import threading
import time
from typing import Any

from inferswarm.config.warmup import parse_warmup
from inferswarm.errors import InferswarmError
from inferswarm.remote import MasterClient, MasterRefusedError, MasterSilentError
from inferswarm.scales import NS_PER_S
from inferswarm.service.registry import Registry, Run
from inferswarm.service.states import State, after, seen

LOOK_S = 0.5
LOOKS = 5
SILENCE_LIMIT_S = 60.0
BUSY = 409
UNKNOWN_TOKEN = 401
OVERTIME = "it took longer than its limit"
_log = logging.getLogger(__name__)


class Conductor:
    """One thread; `wake` it when there is something new in the registry."""

    def __init__(
        self, registry: Registry, master: MasterClient, silence_limit_s: float = SILENCE_LIMIT_S
    ) -> None:
        """A master that is silent for longer has lost its run."""
        self._registry = registry
        self._master = master
        self._silence_limit_s = silence_limit_s
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="conductor", daemon=True)
        self.live: dict[str, Any] = {}
        """The newest snapshot of the run that goes on."""
        self.master_state = ""
        """What the master said last of itself; empty while it is silent."""
        self.refused = ""
        """Why the master does not talk to us, where it said so."""
        self.workers = 0
        """How many workers of other machines it has."""

    @property
    def master(self) -> str:
        """How the master is, in a word, or why it does not say."""
        return self.master_state or self.refused or "silent"

    def start(self) -> None:
        """Begin; a run that went on when the service ended is picked up first."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the run that goes on goes on."""
        self._stopping.set()
        self._news.set()
        self._thread.join(10)

    def wake(self) -> None:
        """There is a new run, or one is to be stopped."""
        self._news.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                run = self._registry.active() or self._next()
                if run is None:
                    self._look()
                    self._pause()
                else:
                    self._carry(run)
            except InferswarmError as error:
                _log.warning("%s", error)  # a full disk, a silent master: both may come back
                self._pause()
            except Exception:  # noqa: BLE001 - said below
                # A bug of ours must not end the thread: nobody would carry out what is queued.
                _log.exception("the conductor stumbled")
                self._pause()

    def _pause(self) -> None:
        self._news.wait(LOOK_S)
        self._news.clear()

    def _next(self) -> Run | None:
        """The next run, taken by us, once the master is idle."""
        run = self._registry.next_queued()
        if run is None or self._look().get("state") != "idle":
            return None
        state = after(run.state, "taken")
        return self._registry.get(run.id) if self._registry.move(run.id, run.state, state) else None

    def _look(self) -> dict[str, Any]:
        """What the master is at; an empty mapping while it is silent."""
        try:
            told = self._master.state()
        except (MasterSilentError, MasterRefusedError) as error:
            self.master_state, self.refused = "", _refusal(error)
            _log.debug("%s", self.refused or error)
            return {}
        self.master_state, self.workers = str(told.get("state")), int(told.get("workers", 0))
        self.refused = ""
        return told

    def _carry(self, run: Run) -> None:
        """From wherever the run is to its end, or until the service stops."""
        self.live = {}
        if run.state is State.STARTING and not self._begin(run):
            return
        while not self._stopping.is_set():
            current = self._registry.get(run.id)
            if current is None or current.over:
                return
            self._follow(current)
            self._pause()

    def _begin(self, run: Run) -> bool:
        """Ask the master for the run; whether it has it now."""
        if run.stop_asked:
            self._registry.move(run.id, run.state, after(run.state, "cancelled"))
            return False
        try:
            facts = self._master.start(run.config, key=run.id)
        except MasterRefusedError as refused:
            if refused.status == BUSY:
                self._pause()  # somebody else's run, or ours that is starting since before
                return self._is_ours(run)
            why = _refusal(refused) if refused.status == UNKNOWN_TOKEN else str(refused)
            self._registry.move(run.id, run.state, after(run.state, "broken"), error=why)
            return False
        self._registry.note(run.id, facts=facts)
        return True

    def _is_ours(self, run: Run) -> bool:
        return bool(self._look().get("run", {}).get("key") == run.id)

    def _follow(self, run: Run) -> None:
        """Look once, and note what has changed."""
        told = self._wait_for_word(run)
        if told is None:
            why = self.refused or "the master fell silent"
            self._end_as(run, "cut", f"{why}; what it recorded is in its folder")
            return
        facts = told.get("run", {})
        newest = facts.get("key") == run.id
        facts = facts if newest else self._by_key(run)
        if not facts:
            self._end_as(run, "cut", "the master knows nothing of it")
            return
        facts = run.facts | facts
        state = seen(
            run.state,
            self.master_state if newest else "",
            warm=self._is_warm(run),
            final=str(facts.get("final", "")),
        )
        if state is not run.state or facts != run.facts:
            error = str(facts.get("error") or run.error)
            self._registry.move(run.id, run.state, state, facts=facts, error=error)
        self.live = self._master.live() or self.live
        self._stop_in_time(run)

    def _wait_for_word(self, run: Run) -> dict[str, Any] | None:
        """What the master is at, waited for; None when it was silent for too long."""
        end_s = time.monotonic() + self._silence_limit_s
        while not (told := self._look()):
            if self._stopping.is_set() or time.monotonic() > end_s:
                return None if time.monotonic() > end_s else {"run": run.facts}
            self._pause()
        return told

    def _by_key(self, run: Run) -> dict[str, Any]:
        """What the master knows of a run that is not its newest; it may just begin to learn of runs."""
        for _ in range(LOOKS):
            with contextlib.suppress(MasterRefusedError):
                if facts := self._master.by_key(run.id):
                    return facts
            self._pause()
        return {}

    def _end_as(self, run: Run, event: str, error: str) -> None:
        if not self._stopping.is_set():
            self._registry.move(run.id, run.state, after(run.state, event), error=error)

    def _is_warm(self, run: Run) -> bool:
        """Whether the warm-up, as it was asked for, is over."""
        asked = parse_warmup(str(run.config.get("load", {}).get("warmup") or ""))
        if asked.duration_ns:
            begun_ns = run.started_ns or time.time_ns()
            return time.time_ns() - begun_ns >= asked.duration_ns
        if asked.requests:
            done = self.live.get("snapshot", {}).get("requests", {}).get("attempted", 0)
            return bool(done >= asked.requests)
        return True

    def _stop_in_time(self, run: Run) -> None:
        late = run.limit_s is not None and run.started_ns is not None
        late = late and time.time_ns() - (run.started_ns or 0) > (run.limit_s or 0) * NS_PER_S
        if late and not run.stop_asked:
            self._registry.note(run.id, stop_asked=1, error=OVERTIME)
        if (run.stop_asked or late) and self.master_state in ("starting", "running"):
            try:
                self._master.stop()
            except MasterRefusedError as error:
                _log.info("stop: %s", error)


def _refusal(error: InferswarmError) -> str:
    """What to tell of a master that refuses to be asked; empty for one that is not heard at all."""
    if not isinstance(error, MasterRefusedError):
        return ""
    if error.status == UNKNOWN_TOKEN:
        return (
            f"the master refused our service token (HTTP {error.status}); give the master's own with "
            "INFERSWARM_SERVICE_TOKEN or --service-token-file"
        )
    return f"the master refused to be asked (HTTP {error.status}): {error}"
