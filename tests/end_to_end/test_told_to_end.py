"""Facts about who is told to end (SIGTERM) while a run goes on, as pods of a cluster are."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.remote import MasterClient
from inferswarm.simulator.process import RunningSimulator
from tests.end_to_end.command import finish, record_lines, started, summary_of, wait_for
from tests.servers import free_port

pytestmark = pytest.mark.slow
QUICK = SimulatorOptions.model_validate({"ttft": "20ms", "itl": "5ms"})
TOKEN = "a-token-for-these-tests"
LOAD = {"users": 4, "duration": "8s"}
SHORT = {"users": 4, "duration": "2s"}
OVER = ("done", "failed", "interrupted")


class Swarm:
    """A standing master and its workers, which are all processes that join by the network."""

    def __init__(self, folder: Path, target: str, stack: ExitStack) -> None:
        """No run was asked for yet; all of them end with `stack`."""
        self._stack, self._port, self.folder = stack, free_port(), folder
        self._environment = {**os.environ, "INFERSWARM_TOKEN": TOKEN, "TMPDIR": str(folder)}
        bind, runs = f"127.0.0.1:{self._port}", folder / "runs"
        self.master = self._start(
            "master", "--web", "127.0.0.1:0", "--bind", bind, "--target", target,
            "--runs", runs, "--max-output-tokens", 4, "--serve-metrics", "off",
        )  # fmt: skip
        assert self.master.stdout is not None
        found = re.search(r"http://\S+", self.master.stdout.readline())
        assert found
        self.client = MasterClient(found[0])

    def _start(self, *words: str | int | Path) -> subprocess.Popen[str]:
        return self._stack.enter_context(started(*words, env=self._environment))

    def join(self, *more: str) -> subprocess.Popen[str]:
        """One more worker."""
        return self._start("worker", "--master", f"127.0.0.1:{self._port}", *more)

    def begin(self, load: dict[str, Any]) -> Path:
        """A run that has recorded something; its folder."""
        folder = self.folder / "runs" / str(self.client.start({"load": load})["id"])
        wait_for(lambda: bool(self.client.live().get("snapshot")))
        return folder

    def end(self, folder: Path) -> dict[str, Any]:
        """What is known of a run that is over."""
        wait_for(lambda: self.client.run(folder.name).get("final") in OVER, 60)
        return self.client.run(folder.name)


@pytest.fixture
def swarm(tmp_path: Path) -> Iterator[Swarm]:
    """A master without a worker yet, and what it loads."""
    with RunningSimulator(QUICK) as simulator, ExitStack() as stack:
        yield Swarm(tmp_path, simulator.url, stack)


def test_a_worker_that_is_told_to_end_ends_after_its_run(swarm: Swarm) -> None:
    """Nothing is lost, and the next run, asked for at once, has the worker that took its place."""
    leaving, _ = swarm.join(), swarm.join()
    wait_for(lambda: swarm.client.state()["workers"] == 2)
    first = swarm.begin(LOAD)
    leaving.send_signal(signal.SIGTERM)
    assert swarm.end(first)["final"] == "done"
    swarm.join()
    second = swarm.begin(SHORT)
    ended = finish(leaving)

    assert ended.code == 0, ended.err
    assert "told to end: after this run" in ended.out
    assert not [why for why in summary_of(first).verdict.reasons if "lost" in why or "order" in why]
    assert swarm.end(second)["final"] == "done"
    assert summary_of(second).client.workers == 2


def test_a_worker_whose_time_is_over_leaves_its_run(swarm: Swarm) -> None:
    """The others take over, and the verdict says so."""
    leaving, _ = swarm.join("--grace", "1s"), swarm.join()
    wait_for(lambda: swarm.client.state()["workers"] == 2)
    folder = swarm.begin(LOAD)
    leaving.send_signal(signal.SIGTERM)
    assert finish(leaving).code == 130
    assert swarm.end(folder)["final"] == "done"
    assert any("workers lost" in why for why in summary_of(folder).verdict.reasons)


def test_a_run_waits_for_a_first_worker(swarm: Swarm) -> None:
    """A master that was just started, as after its pod was moved, refuses nobody."""
    swarm.join()
    folder = swarm.begin(SHORT)
    assert swarm.end(folder)["final"] == "done"


def test_a_master_that_is_told_to_end_ends_its_run_in_order(swarm: Swarm) -> None:
    """What was asked is answered, the report is there, and it says that the run was cut short."""
    swarm.join()
    folder = swarm.begin({"users": 4, "duration": "10m"})
    swarm.master.send_signal(signal.SIGTERM)
    ended = finish(swarm.master)

    assert ended.code == 0, ended.err
    assert (folder / "report.html").is_file()
    assert summary_of(folder).requests.by_outcome.keys() == {"ok"}
    assert record_lines(folder) == 0
