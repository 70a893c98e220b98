"""The Locust user that asks. Subclass it, run `locust -f`, and keep everything else Locust has.

    from inferswarm.load.user import InferenceUser

    class MyUser(InferenceUser):
        settings = {"target.backend": "vllm", "request.max_output_tokens": 64}

The target is Locust's host. `INFERSWARM_*` variables set the other options, `settings` goes before
them. With `output.out` (or INFERSWARM_OUTPUT_OUT) records are written there.
"""

from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from gevent.event import Event
from locust import User, task
from locust.env import Environment

from inferswarm.load.session import Session
from inferswarm.records import Record
from inferswarm.timing import e2e_ns

_sessions: WeakKeyDictionary[Environment, Session] = WeakKeyDictionary()
_never = Event()


def attach(environment: Environment, session: Session) -> None:
    """Make a session the one that users of this environment ask through."""
    _sessions[environment] = session


def session_of(environment: Environment) -> Session | None:
    """The session of an environment, if one was attached."""
    return _sessions.get(environment)


class RequestFailedError(Exception):
    """What Locust's own statistics show for a failed request: its kind and detail."""


def report_to_locust(environment: Environment, record: Record) -> None:
    """Fire Locust's `request` event; times there are milliseconds."""
    environment.events.request.fire(  # type: ignore[no-untyped-call]  # Locust's hook has no types
        request_type=record.backend,
        name=f"{record.api} stream" if record.streamed else record.api,
        response_time=(e2e_ns(record) or record.end_ns - record.start_ns) / 1e6,
        response_length=record.bytes_in,
        exception=None if record.ok else RequestFailedError(f"{record.kind}: {record.detail}"),
        context={},
    )


class InferenceUser(User):
    """A client that waits for its answer before it asks again (closed loop)."""

    abstract = True
    settings: ClassVar[dict[str, Any]] = {}

    def wait_time(self) -> float:
        """Seconds between an answer and the next request: `load.think_time`."""
        session = _sessions.get(self.environment)
        return session.think_time_s if session else 0.0

    @task
    def ask(self) -> None:
        """Send one request and wait for its answer; without any left, wait for the end of the run."""
        session = _sessions.get(self.environment)
        if session is None or not session.engine.ask():
            _never.wait()
