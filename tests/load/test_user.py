"""Users that Locust stops: what they wait for is waited for, whoever takes their place."""

import gevent
import gevent.event
import pytest
from locust import task
from locust.env import Environment
from locust.runners import LocalRunner

from inferswarm.load.session import attach
from inferswarm.load.user import InferenceUser


class Asker(InferenceUser):
    """A user that can be spawned."""

    @task
    def ask(self) -> None:
        """Ask."""
        super().ask()


class Slow:
    """Stands where a session does: every question takes a while, and ends when it is let go."""

    think_time_s = 60.0

    def __init__(self) -> None:
        self.begun = self.answered = 0
        self.let_go = gevent.event.Event()

    def act(self) -> bool:
        """Ask, and wait for the answer."""
        self.begun += 1
        self.let_go.wait()
        self.answered += 1
        return True


def until(condition: object, seconds: float = 10) -> None:
    """Wait for a condition."""
    with gevent.Timeout(seconds):
        while not condition():  # type: ignore[operator]
            gevent.sleep(0.01)


@pytest.fixture
def swarm() -> tuple[LocalRunner, Slow]:
    """Locust in this process with three users that wait for an answer."""
    environment = Environment(user_classes=[Asker])
    session = Slow()
    attach(environment, session)  # type: ignore[arg-type]
    runner = environment.create_local_runner()
    runner.start(3, 100)
    until(lambda: session.begun == 3)
    return runner, session


def test_a_user_that_is_stopped_waits_for_its_answer(swarm: tuple[LocalRunner, Slow]) -> None:
    """Locust counts it no more at once; it is not cut, and asks no more."""
    runner, session = swarm
    runner.stop_users({"Asker": 2})

    assert runner.user_count == 1
    assert session.answered == 0
    session.let_go.set()
    until(lambda: session.answered == 3)
    gevent.sleep(0.05)
    assert session.begun == 3
    runner.quit()


def test_a_user_that_waits_for_nothing_is_stopped_at_once(swarm: tuple[LocalRunner, Slow]) -> None:
    """As while it thinks before its next question."""
    runner, session = swarm
    session.let_go.set()
    until(lambda: session.answered == 3)
    users = list(runner.user_greenlets)
    gevent.sleep(0.05)
    runner.stop_users({"Asker": 3})

    assert runner.user_count == 0
    assert all(user.dead for user in users)
    assert session.begun == 3
    runner.quit()
