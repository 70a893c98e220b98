"""Locust's master with the workers that greeted it, kept from one run to the next."""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from locust.env import Environment
from locust.runners import STATE_STOPPED

from inferswarm.load import messages
from inferswarm.load.steady_master import SteadyMasterRunner
from inferswarm.load.worker import ClosedLoopUser
from inferswarm.secret import same

Listener = Callable[[str, Any], None]
"""Takes the worker that sent a message, and the message's data."""
_PASSED_ON = (messages.READY, messages.DELTA, messages.BEAT, messages.PART)
RETURN_LIMIT_S = 30.0
"""How long workers of other machines are waited for: the first one, and those that come anew."""
_log = logging.getLogger(__name__)


class Swarm:
    """Who may be a worker, who is, and to whom their messages go: to the run that goes on."""

    def __init__(self, bind: str, token: str, *, waits: bool = False) -> None:
        """`bind` is HOST:PORT; empty is a free port for this machine's own workers.

        `waits` says that there are none of its own, so that `whole` waits for a first one.
        """
        # Locust's web routes parse it again, and exit when they do not know it.
        sys.argv = ["locust"]
        host, _, port = bind.rpartition(":")
        where = {"master_bind_host": host or "127.0.0.1", "master_bind_port": int(port or 0)}
        self.environment = Environment(user_classes=[ClosedLoopUser])
        self.runner = self.environment._create_runner(  # noqa: SLF001 - Locust's own factories fix the class
            SteadyMasterRunner, **where
        )
        self.greeted: dict[str, bool] = {}
        """Workers that know the token, in order, and whether they have our disk."""
        self._awaited = deque([time.monotonic() + RETURN_LIMIT_S] if waits else [])
        self._token = token
        self._newcomer: Callable[[str], None] = lambda _: None
        self._listeners: Mapping[str, Listener] = {}
        self.runner.register_message(messages.HELLO, self._on_hello)
        for kind in _PASSED_ON:
            self.runner.register_message(kind, self._on_message)

    @property
    def port(self) -> int:
        """Where workers connect."""
        return int(self.runner.server.port)

    def remote(self) -> int:
        """How many workers of other machines are there; those that fell silent are forgotten."""
        self.runner.give_up_missing()
        for worker in set(self.greeted) & self.runner.lost:
            del self.greeted[worker]
        return sum(not local for local in self.greeted.values())

    def whole(self) -> bool:
        """Whether all workers are there that should be, or were waited for long enough."""
        while self._awaited and self._awaited[0] < time.monotonic():
            self._awaited.popleft()
        return not self._awaited

    def states(self) -> list[str]:
        """The state of each worker that greeted: Locust's, `connected` before that, or `lost`."""
        lost, known = self.runner.lost, self.runner.clients
        return [
            "lost" if one in lost else str(known[one].state) if one in known else "connected"
            for one in self.greeted
        ]

    def listen(self, newcomer: Callable[[str], None], listeners: Mapping[str, Listener]) -> None:
        """From now on these hear of workers that greet, and of messages by their kind."""
        self._newcomer, self._listeners = newcomer, listeners

    def send(self, worker: str, kind: str, data: Mapping[str, Any]) -> None:
        """A message to one worker."""
        self.runner.send_message(kind, dict(data), client_id=worker)

    def send_all(self, kind: str, data: Mapping[str, Any]) -> None:
        """A message to every worker."""
        self.runner.send_message(kind, dict(data))

    def dismiss(self) -> None:
        """A run is over: its workers end (those of other machines come back), and Locust is idle."""
        self.listen(lambda _: None, {})
        self.runner.stop(send_stop_to_client=False)
        self.runner.update_state(STATE_STOPPED)
        self.runner.closed = False
        for worker in list(self.greeted):
            self.send_home(worker)

    def send_home(self, worker: str) -> None:
        """This process of a worker is not needed any more; one of another machine comes anew."""
        local = self.greeted.pop(worker)
        if not local and worker not in self.runner.lost:
            self._awaited.append(time.monotonic() + RETURN_LIMIT_S)
        self.runner.give_up(worker)
        self.send(worker, "quit", {})

    def quit(self) -> None:
        """End everything, workers that Locust was not told of too."""
        for worker in self.greeted:
            if worker not in self.runner.clients:
                self.send(worker, "quit", {})
        self.runner.quit()

    def _on_hello(self, environment: Environment, msg: Any) -> None:
        if same(str(msg.data.get("token")), self._token):
            self.greeted[msg.node_id] = local = bool(msg.data.get("local"))
            if self._awaited and not local:
                self._awaited.popleft()
            self._newcomer(msg.node_id)
        else:
            _log.warning("a stranger asked to be a worker: %s", msg.node_id)

    def _on_message(self, environment: Environment, msg: Any) -> None:
        listener = self._listeners.get(msg.type)
        if listener is not None and msg.node_id in self.greeted:
            listener(msg.node_id, msg.data)
