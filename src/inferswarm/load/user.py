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

from inferswarm.load import plain
from inferswarm.load.session import session_of


class InferenceUser(User):
    """A client that waits for its answer before it asks again (closed loop)."""

    abstract = True
    settings: ClassVar[dict[str, Any]] = {}

    def wait_time(self) -> float:
        """Seconds between an answer and the next request: `load.think_time`."""
        session = session_of(self.environment)
        return session.think_time_s if session else 0.0

    @task
    def ask(self) -> None:
        """Send one request and wait for its answer, or play the schedule of an open loop."""
        session = session_of(self.environment)
        if session is None or not session.act():
            raise StopUser


# Locust's global hooks: they fire under `locust -f` only, our own processes have hooks of their own.
events.init.add_listener(  # type: ignore[no-untyped-call]
    lambda environment, **_: plain.watch(environment, InferenceUser)
)
