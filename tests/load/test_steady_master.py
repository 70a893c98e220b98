"""Facts about how many users there are when workers are lost."""

import logging
from collections.abc import Iterator

import gevent
import pytest
from locust import __version__ as locust_version
from locust.rpc.protocol import Message

from inferswarm.load.steady_master import SteadyMasterRunner
from inferswarm.load.swarm import Swarm


@pytest.fixture
def runner() -> Iterator[SteadyMasterRunner]:
    """Locust's master with three workers that are ready."""
    swarm = Swarm("", "token")
    for name in "abc":
        ready = Message("client_ready", locust_version, name)  # type: ignore[no-untyped-call]
        swarm.runner.handle_message(name, ready)
    yield swarm.runner
    swarm.quit()


def test_users_of_a_worker_lost_before_all_have_reported_are_made_up_for(
    runner: SteadyMasterRunner, caplog: pytest.LogCaptureFixture
) -> None:
    """Locust alone would leave it at those that the others had by then."""
    caplog.set_level(logging.INFO, logger="locust.runners")
    starting = gevent.spawn(runner.start, 9, 100.0)
    gevent.sleep(0.05)
    assert not runner.spawning_completed
    runner.give_up("c")
    starting.join(timeout=30)
    told = [line for line in caplog.messages if "spawn jobs of 9 users" in line]
    assert [line.rpartition(" to ")[2] for line in told] == ["3 ready workers", "2 ready workers"]
