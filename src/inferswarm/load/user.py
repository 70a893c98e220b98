"""The Locust user that asks. Subclass it, run `locust -f`, and keep everything else Locust has.

    from inferswarm.load.user import InferenceUser

    class MyUser(InferenceUser):
        settings = {"target.backend": "vllm", "request.max_output_tokens": 64}

The target is Locust's host. `INFERSWARM_*` variables set the other options; `settings` goes before
them. With `output.out` among them a run folder is written.
"""

from typing import Any, ClassVar

from locust import User, events, task
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING

from inferswarm.load import plain
from inferswarm.load.session import session_of


class InferenceUser(User):
    """A client that waits for its answer before it asks again (closed loop)."""

    abstract = True
    settings: ClassVar[dict[str, Any]] = {}
    _asking = False

    def wait_time(self) -> float:
        """Seconds between an answer and the next request: `load.think_time`."""
        session = session_of(self.environment)
        return session.think_time_s if session else 0.0

    @task
    def ask(self) -> None:
        """Send one request and wait for its answer, or play the schedule of an open loop."""
        session = session_of(self.environment)
        self._asking = True
        try:
            if session is None or not session.act():
                raise StopUser
        finally:
            self._asking = False

    def stop(self, force: bool = False) -> bool:  # noqa: FBT001, FBT002 - Locust's signature
        """Leave; an answer that is waited for is waited for, though Locust counts the user no more.

        Locust stops users by force when others take their place, as when a worker joins.
        """
        if not (force and self._asking and self._greenlet):
            return super().stop(force)  # type: ignore[no-any-return]  # Locust's method has no types
        self._state = LOCUST_STATE_STOPPING
        self._group.discard(self._greenlet)
        return True


# Locust's global hooks: they fire under `locust -f` only, our own processes have hooks of their own.
events.init.add_listener(  # type: ignore[no-untyped-call]
    lambda environment, **_: plain.watch(environment, InferenceUser)
)
