"""Several workers, here and elsewhere: who sends may change, what is sent does not."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.exchange import Outcome
from inferswarm.remote import MasterClient
from inferswarm.simulator.process import RunningSimulator
from tests.end_to_end.command import (
    Ended,
    children_of,
    command,
    finish,
    record_lines,
    records_of,
    started,
    summary_of,
    wait_for,
)

QUICK = SimulatorOptions.model_validate({"ttft": "20ms", "itl": "2ms"})
TOKEN = {"INFERSWARM_TOKEN": "a-token-for-these-tests"}


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    """A quick simulated server."""
    with RunningSimulator(QUICK) as running:
        yield running


def open_loop(simulator: RunningSimulator, out: Path, seconds: int) -> list[str]:
    """Options of a run at 100 requests a second, in a pattern that one seed fixes."""
    return [
        "--target", simulator.url, "--rate", "100/s", "--duration", f"{seconds}s",
        "--max-output-tokens", "4", "--out", str(out),
    ]  # fmt: skip


def workers_of(run: subprocess.Popen[str]) -> list[int]:
    """Process ids of a run's own workers, in the order of their start."""
    found = []
    for pid in children_of(run.pid):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"inferswarm.load.worker" in words:
            found.append(pid)
    return sorted(found)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.slow
def test_the_same_arrivals_whatever_the_number_of_workers(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    """Every arrival of the schedule is sent once, at the same distance from the first, by 1, 2 and 4."""
    found = []
    for workers in (1, 2, 4):
        out = tmp_path / str(workers)
        ended = command("run", *open_loop(simulator, out, 3), "--workers", workers)
        assert ended.code == 0, ended.err
        records = records_of(out)
        found.append([(one.k, one.due_ns - records[0].due_ns) for one in records])
        assert {one.worker for one in records} == set(range(workers))
    assert found[0] == found[1] == found[2]
    assert [k for k, _ in found[0]] == list(range(len(found[0])))


def disturbed(simulator: RunningSimulator, out: Path, number: signal.Signals) -> Ended:
    """A run of 10 s with four workers, one of which gets a signal in the middle (and goes on later)."""
    with started("run", *open_loop(simulator, out, 10), "--workers", "4") as run:
        wait_for(lambda: record_lines(out) > 100)
        victim = workers_of(run)[1]
        os.kill(victim, number)
        if number == signal.SIGSTOP:
            time.sleep(6)
            os.kill(victim, signal.SIGCONT)
        return finish(run)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_others_take_over_from_a_worker_that_is_lost(
    simulator: RunningSimulator, tmp_path: Path, number: signal.Signals
) -> None:
    """Killed or frozen: nothing is sent twice, all that was recorded is kept, and the verdict tells."""
    out = tmp_path / "x"
    ended = disturbed(simulator, out, number)
    records = records_of(out)
    numbers = [one.k for one in records]
    taken_over = [one for one in records if one.epoch == 1]
    verdict = summary_of(out).verdict

    assert ended.code == 0, ended.err
    assert len(set(numbers)) == len(numbers)
    assert len({one.worker for one in taken_over}) == 3
    assert max(numbers) - max(one.k for one in taken_over) < 100
    assert not verdict.valid
    assert any("workers lost" in reason for reason in verdict.reasons)


@pytest.mark.slow
def test_workers_of_other_machines_join_before_and_during_the_load(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    """Each sends its part, every arrival is sent once, and all records come to the master."""
    out, port = tmp_path / "x", free_port()
    environment = {**os.environ, **TOKEN, "TMPDIR": str(tmp_path)}
    join = ["worker", "--master", f"127.0.0.1:{port}", "--once"]
    with ExitStack() as stack:
        master = stack.enter_context(
            started("master", "--bind", f"127.0.0.1:{port}", "--remote-workers", "2",
                    *open_loop(simulator, out, 12), env=environment)
        )  # fmt: skip
        early = [stack.enter_context(started(*join, env=environment)) for _ in range(2)]
        wait_for(lambda: any(tmp_path.glob("inferswarm-*/*.jsonl")), seconds=30)
        late = stack.enter_context(started(*join, env=environment))
        ended = finish(master)
        workers = [finish(one) for one in (*early, late)]
    records = records_of(out)

    assert ended.code == 0, ended.err
    assert [one.code for one in workers] == [0, 0, 0]
    assert [one.k for one in records] == list(range(len(records)))
    assert {one.worker for one in records} == {0, 1, 2}
    # The verdict is no matter here: a process that starts takes the core from those that send.
    assert summary_of(out).client.lost_workers == []
    assert {one.outcome for one in records} == {"ok"}
    assert list(tmp_path.glob("inferswarm-*")) == []


def joined_late(simulator: RunningSimulator, out: Path, *options: str | int) -> Ended:
    """A closed loop of two workers here, which a third one joins in the middle."""
    environment = {**os.environ, **TOKEN}
    where = f"127.0.0.1:{free_port()}"
    run: list[str | int | Path]
    run = ["run", "--target", simulator.url, "--workers", 2, "--bind", where, "--out", out]
    with ExitStack() as stack:
        master = stack.enter_context(started(*run, *options, env=environment))
        wait_for(lambda: record_lines(out) > 10)
        join = ["worker", "--master", where, "--once"]
        late = stack.enter_context(started(*join, env=environment))
        ended, other = finish(master), finish(late)
    assert other.code == 0, other.err
    return ended


@pytest.mark.slow
def test_users_that_make_room_for_a_late_worker_keep_their_answers(tmp_path: Path) -> None:
    """Users move to it; what those that leave have asked is answered, and counted as any other."""
    slow = SimulatorOptions.model_validate({"ttft": "300ms", "itl": "20ms"})
    out = tmp_path / "x"
    with RunningSimulator(slow) as simulator:
        ended = joined_late(
            simulator, out, "--users", 12, "--duration", "12s", "--max-output-tokens", 16
        )
    records = records_of(out)

    assert ended.code == 0, ended.err
    assert {one.outcome for one in records} == {Outcome.OK}
    assert {one.worker for one in records} == {0, 1, 2}
    assert len({one.k for one in records}) == len(records)


@pytest.mark.slow
def test_a_late_worker_without_a_user_is_lent_nothing(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    """Arrivals lent to it would be missing, and a run of so many requests would not end."""
    out = tmp_path / "x"
    ended = joined_late(simulator, out, "--users", 2, "--requests", 400, "--max-output-tokens", 16)
    records = records_of(out)

    assert ended.code == 0, ended.err
    assert [one.k for one in records] == list(range(400))
    assert {one.worker for one in records} == {0, 1}
    assert not any("workers lost" in reason for reason in summary_of(out).verdict.reasons)


@pytest.mark.slow
def test_a_worker_that_comes_after_a_loss_does_not_write_over_another(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    """Its records bear a number of their own, though the lost one is shown no more."""
    web, where = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    environment = {**os.environ, **TOKEN}
    words = ["master", "--target", simulator.url, "--web", web, "--serve-metrics", "off"]
    words += ["--bind", where, "--runs", str(tmp_path), "--max-output-tokens", "16"]
    join = ["worker", "--master", where]
    with ExitStack() as stack:
        master = stack.enter_context(started(*words, env=environment))
        client = MasterClient(f"http://{web}")
        wait_for(lambda: any("ready for runs" in line for line in master.stdout or ()), 40)
        lost = stack.enter_context(started(*join, env=environment))
        wait_for(lambda: client.state()["workers"] == 1, 30)
        others = [stack.enter_context(started(*join, env=environment))]
        wait_for(lambda: client.state()["workers"] == 2, 30)
        run = str(client.start({"load": {"users": 6, "duration": "16s"}})["id"])
        os.killpg(lost.pid, signal.SIGKILL)
        wait_for(lambda: client.state()["workers"] == 1, 10)
        others.append(stack.enter_context(started(*join, env=environment)))
        wait_for(lambda: "final" in client.run(run), 60)
        folder = Path(client.run(run)["folder"])
        for one in (*others, master):
            one.terminate()
            finish(one)
        finish(lost)
    assert {record.worker for record in records_of(folder)} == {1, 2}


def test_a_worker_without_a_token_is_told_what_to_do() -> None:
    """It could never be let in."""
    plain = {name: value for name, value in os.environ.items() if name not in TOKEN}
    ended = command("worker", "--master", "127.0.0.1:5557", env=plain)
    assert ended.code == 2
    assert "set INFERSWARM_TOKEN, or give --token-file" in ended.last_error


def test_a_worker_needs_an_address() -> None:
    """Host and port, in one line."""
    ended = command("worker", "--master", "bench", env={**os.environ, **TOKEN})
    assert ended.code == 2
    assert "--master was given 'bench'; it must be HOST:PORT" in ended.last_error
