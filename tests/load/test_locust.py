"""What we lean on inside Locust, and what of it must not bite us."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from locust import User, argument_parser, task
from locust.env import Environment
from locust.rpc.protocol import Message
from locust.runners import STATE_MISSING, MasterRunner, WorkerNode, WorkerRunner

from inferswarm.load.steady_master import SteadyMasterRunner
from inferswarm.load.swarm import Swarm
from inferswarm.load.user import InferenceUser
from inferswarm.load.worker import ClosedLoopUser, _no_options


class Idle(User):
    """A user that stays and asks nothing."""

    @task
    def ask(self) -> None:
        """Wait."""
        gevent.sleep(60)


@contextmanager
def swarm(workers: int = 2) -> Iterator[tuple[SteadyMasterRunner, list[WorkerRunner]]]:
    """A real master and real workers of Locust in this process, over loopback."""
    master_side = Environment(user_classes=[Idle])
    master = master_side._create_runner(
        SteadyMasterRunner, master_bind_host="127.0.0.1", master_bind_port=0
    )
    runners = []
    try:
        for _ in range(workers):
            side = Environment(user_classes=[Idle], parsed_options=_no_options())
            runners.append(side.create_worker_runner("127.0.0.1", master.server.port))
        yield master, runners
    finally:
        for runner in runners:
            runner.greenlet.kill(block=False)
            runner.user_greenlets.kill(block=False)
            runner.client.socket.context.destroy(linger=0)
        close(master)


def close(master: MasterRunner) -> None:
    """End a master's greenlets, and its sockets, which Locust would leave open."""
    master.greenlet.kill(block=False)
    master.server.socket.context.destroy(linger=0)


def until(condition: Any, seconds: float = 15) -> None:
    """Wait for a condition of the swarm."""
    with gevent.Timeout(seconds):
        while not condition():
            gevent.sleep(0.02)


def test_the_master_binds_a_free_port_and_says_which() -> None:
    """Port 0 lets the system choose, and the server knows the choice."""
    with swarm(0) as (master, _):
        assert master.server.port > 0


def test_users_are_spread_over_the_workers() -> None:
    """Seven users on two workers are three and four."""
    with swarm() as (master, workers):
        until(lambda: len(master.clients.ready) == 2)
        master.start(7, 100)
        until(lambda: sum(worker.user_count for worker in workers) == 7)

        assert sorted(worker.user_count for worker in workers) == [3, 4]


def test_a_spawn_message_does_not_build_the_argument_parser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Locust builds its parser anew for each option of each spawn message; ours carry none."""
    built: list[int] = []
    for name in ("default_args_dict", "get_empty_argument_parser", "setup_parser_arguments"):
        real = getattr(argument_parser, name)

        def counting(*args: Any, real: Any = real, **options: Any) -> Any:
            built.append(1)
            return real(*args, **options)

        monkeypatch.setattr(argument_parser, name, counting)
    with swarm(1) as (master, workers):
        until(lambda: master.clients.ready)
        master.start(3, 100)
        until(lambda: workers[0].user_count == 3)

    assert built == []


def test_users_of_a_lost_worker_start_again_on_the_others() -> None:
    """A worker whose heartbeats stop is given up and its users move."""
    with swarm() as (master, workers):
        until(lambda: len(master.clients.ready) == 2)
        master.start(6, 100)
        until(lambda: sum(worker.user_count for worker in workers) == 6)
        workers[0].greenlet.kill(block=False)  # no heartbeat comes from it any more
        until(lambda: workers[1].user_count == 6, 30)
        master.give_up_missing()

        assert master.lost == {workers[0].client_id}
        assert workers[0].client_id not in master.clients


def test_a_worker_that_was_given_up_stays_out() -> None:
    """Its late heartbeat is answered with quit, and its users are not counted again."""
    with swarm(0) as (master, _):
        node = master.clients["late"] = WorkerNode("late", state=STATE_MISSING)
        master.give_up_missing()
        told: list[str] = []
        real = master.send_message

        def telling(kind: str, data: Any = None, client_id: str | None = None) -> None:
            told.append(kind)
            real(kind, data, client_id)

        master.send_message = telling  # type: ignore[assignment, method-assign]
        late = Message("heartbeat", {}, node.id)  # type: ignore[no-untyped-call]
        master.handle_message("late", late)

        assert told == ["quit"]
        assert "late" not in master.clients


def test_rebalancing_is_always_on() -> None:
    """Locust leaves it off, and then users of a lost worker are lost too."""
    with swarm(0) as (master, _):
        assert master.rebalancing_enabled()
        assert MasterRunner.rebalancing_enabled(master) is False


def test_the_master_hides_our_arguments_from_the_web_ui(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locust's index page parses sys.argv again, and ends the process over what it does not know."""
    monkeypatch.setattr(sys, "argv", ["master", "--ours"])
    ours = Swarm("", "token")
    try:
        assert sys.argv == ["locust"]
    finally:
        close(ours.runner)


def test_our_user_is_one_that_locust_spawns() -> None:
    """The base class is abstract, the one of `inferswarm run` is not."""
    assert InferenceUser.abstract
    assert not ClosedLoopUser.abstract
    assert ClosedLoopUser.tasks == [InferenceUser.ask]


def test_a_stranger_is_given_no_plan() -> None:
    """A worker that does not know the run's token is not greeted, so no plan is sent to it."""
    ours = Swarm("", "right")
    try:
        for token, name in (("wrong", "a"), ("é", "b"), (None, "c"), ("right", "worker")):
            hello = Message("inferswarm_hello", {"token": token}, name)  # type: ignore[no-untyped-call]
            ours._on_hello(ours.environment, hello)
        assert list(ours.greeted) == ["worker"]
    finally:
        close(ours.runner)
