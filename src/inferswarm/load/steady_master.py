"""Locust's master, made steady where workers come late, fall silent or come back."""

from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, STATE_RUNNING, MasterRunner


class SteadyMasterRunner(MasterRunner):
    """Locust's master, but steady when workers are lost.

    Users of a lost worker are started again on the others at once, and a worker that was given up
    stays out: Locust would take it back and miscount its users. When `closed`, workers that come late
    are kept until they are admitted: Locust would give them users before they have a plan.
    """

    def __init__(self, environment: Environment, **where: Any) -> None:
        self.lost: set[str] = set()
        self.closed = False
        self._short = False
        self._held: dict[str, Any] = {}
        super().__init__(environment, **where)

    def rebalancing_enabled(self) -> bool:
        """Always."""
        return True

    def start(
        self,
        user_count: int,
        spawn_rate: float,
        wait: bool = False,  # noqa: FBT001, FBT002 - Locust's signature
        user_classes: Any = None,
    ) -> None:
        """Start so many users; again, when workers were lost or came meanwhile, until all are there."""
        self._short = True
        while self._short:
            self._short = False
            super().start(user_count, spawn_rate, wait, user_classes)

    def give_up_missing(self) -> None:
        """Forget workers whose heartbeat stopped."""
        for client in self.clients.missing:
            self.give_up(client.id)

    def give_up(self, worker: str) -> None:
        """Forget a worker, and start its users on the others."""
        self.lost.add(worker)
        client = self.clients.get(worker)
        if client is None:
            return
        del self.clients[worker]
        if client.state != STATE_MISSING and self._users_dispatcher is not None:
            self._users_dispatcher.remove_worker(client)
            self._spread_users()

    def admit(self, worker: str) -> None:
        """Let Locust know a worker that came while others load; it is ready now."""
        held = self._held.pop(worker, None)
        if held is not None:
            gevent.spawn(super().handle_message, worker, held)  # it waits for users to be started

    def handle_message(self, client_id: str, msg: Any) -> None:
        """Turn away workers that were given up, keep newcomers for `admit`; all else is Locust's."""
        if client_id in self.lost:
            self.send_message("quit", client_id=client_id)
        elif self.closed and msg.type == "client_ready" and client_id not in self.clients:
            self._held[client_id] = msg
            self.send_message("ack", {"index": 0}, client_id=client_id)  # it waits for that
        else:
            super().handle_message(client_id, msg)

    def _spread_users(self) -> None:
        if self.state == STATE_RUNNING and self.spawning_completed:
            self.start(self.target_user_count, self.spawn_rate)
        else:
            self._short = True  # Locust would leave it at fewer
