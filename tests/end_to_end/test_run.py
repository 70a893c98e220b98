"""`inferswarm run`, with real processes: what it measures, and how it ends."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import msgspec
import pytest

from inferswarm import snapshot
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.exchange import Outcome
from inferswarm.simulator.process import RunningSimulator
from tests.end_to_end.command import (
    answering,
    children_of,
    command,
    finish,
    record_lines,
    records_of,
    started,
    summary_of,
    wait_for,
)

QUICK = SimulatorOptions.model_validate({"ttft": "20ms", "itl": "5ms"})


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    """A quick simulated server."""
    with RunningSimulator(QUICK) as running:
        yield running


def test_a_run_without_target_loads_the_simulator_and_says_so_first(tmp_path: Path) -> None:
    """The first line names the simulator; the folder holds all that was promised."""
    out = tmp_path / "x"
    ended = command("run", "--requests", "8", "--users", "4", "--out", out)

    assert ended.code == 0, ended.err
    assert ended.out.startswith("no --target given: loading the built-in simulator")
    names = {path.name for path in out.iterdir()}
    assert names >= {"config.yaml", "records", "summary.json", "report.html", "run.log", "run.json"}
    assert [path.name for path in (out / "records").iterdir()] == ["w0-00001.jsonl.zst"]
    assert summary_of(out).run["simulated"] is True
    raw = msgspec.json.decode((out / "summary.json").read_bytes())
    jsonschema.validate(raw, snapshot.json_schema())


@pytest.mark.parametrize("api", ["completions", "chat"])
@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
@pytest.mark.parametrize("workers", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_counts_equal_the_truth_log(
    simulator: RunningSimulator, tmp_path: Path, api: str, stream: str, workers: int
) -> None:
    """Requests and tokens that the server wrote are those that the run reports, worker by worker."""
    ended = command(
        *("run", "--target", simulator.url, "--requests", "40", "--users", "9"),
        *("--max-output-tokens", "12", "--api", api, stream, "--workers", workers),
        *("--out", tmp_path / "x"),
    )
    truth = simulator.truth()
    found = summary_of(tmp_path / "x")

    assert ended.code == 0, ended.err
    assert len(truth) == found.requests.attempted == found.requests.succeeded == 40
    assert found.tokens.output == sum(row.output_tokens for row in truth)
    assert found.tokens.input == sum(row.prompt_tokens for row in truth)
    assert found.tokens.output_by_source == {"server_usage": 480}
    assert [record.k for record in records_of(tmp_path / "x")] == list(range(40))
    assert {record.worker for record in records_of(tmp_path / "x")} == set(range(workers))
    assert (found.metrics["ttft"].count == 0) == (stream == "--no-stream")


def test_each_failure_is_counted_as_what_it_is(tmp_path: Path) -> None:
    """Injected failures of each kind are as many as the server's own log says."""
    options = QUICK.model_copy(
        update={"error_rate": 0.2, "stream_error_rate": 0.2, "hangup_rate": 0.2, "seed": 5}
    )
    with RunningSimulator(options) as simulator:
        command(
            *("run", "--target", simulator.url, "--requests", "100", "--users", "10"),
            *("--max-output-tokens", "8", "--out", tmp_path / "x"),
        )
        truth = [row.outcome for row in simulator.truth()]
    counted = summary_of(tmp_path / "x").requests.by_outcome

    assert counted == {
        "ok": truth.count("ok"),
        "http_500": truth.count("http_error"),
        "stream_error": truth.count("stream_error"),
        "truncated": truth.count("hangup"),
    }
    assert sum(counted.values()) == 100
    assert all(counted.values())


@pytest.mark.slow
def test_the_same_seed_asks_the_same_prompts_whatever_the_split(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    """Arrival k uses the same prompt with one worker and with three."""
    asked = []
    for workers in (1, 3):
        out = tmp_path / str(workers)
        command(
            *("run", "--target", simulator.url, "--requests", "20", "--users", "3"),
            *("--max-output-tokens", "2", "--seed", "9", "--workers", workers, "--out", out),
        )
        asked.append([(record.k, record.prompt) for record in records_of(out)])

    assert asked[0] == asked[1]
    assert len({prompt for _, prompt in asked[0]}) > 3


def test_ctrl_c_drains_reports_and_exits_with_130(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    """Answers under way end, nothing is cut, the report is there."""
    out = tmp_path / "x"
    with started(
        *("run", "--target", simulator.url, "--users", "5", "--duration", "60s"),
        *("--max-output-tokens", "20", "--out", out),
    ) as process:
        wait_for(lambda: record_lines(out) > 10)
        os.killpg(process.pid, signal.SIGINT)
        ended = finish(process)
    found = summary_of(out)

    assert ended.code == 130
    assert "stopping" in ended.err
    assert found.requests.by_outcome == {"ok": found.requests.attempted}
    assert found.requests.attempted == len(simulator.truth())
    assert (out / "report.html").stat().st_size > 10_000


def test_what_outlasts_the_grace_is_cut_and_counted(tmp_path: Path) -> None:
    """A server that never answers costs the grace period, and its requests are `cancelled`."""
    options = QUICK.model_copy(update={"hang_rate": 1.0})
    with RunningSimulator(options) as simulator:
        ended = command(
            *("run", "--target", simulator.url, "--users", "4", "--duration", "1s"),
            *("--grace", "500ms", "--out", tmp_path / "x"),
        )

    assert summary_of(tmp_path / "x").requests.by_outcome == {"cancelled": 4}
    assert ended.code == 4
    assert "no request succeeded" in ended.last_error


def test_a_second_ctrl_c_exits_at_once_and_keeps_the_records(tmp_path: Path) -> None:
    """No grace, no report, but `inferswarm report` makes one from what was measured."""
    out = tmp_path / "x"
    with (
        RunningSimulator(QUICK.model_copy(update={"hang_rate": 0.3})) as simulator,
        started(
            *("run", "--target", simulator.url, "--users", "12", "--duration", "60s"),
            *("--max-output-tokens", "4", "--out", out),
        ) as process,
    ):
        wait_for(lambda: record_lines(out) > 10)
        children = children_of(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr is not None
        while "stopping" not in process.stderr.readline():
            pass
        os.killpg(process.pid, signal.SIGINT)
        ended = finish(process)
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
    measured = record_lines(out) - 1
    rebuilt = command("report", out)

    assert ended.code == 130
    assert "inferswarm report" in ended.err
    assert rebuilt.code == 0
    assert summary_of(out).requests.attempted == measured
    assert summary_of(out).verdict.valid is False


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["command", "master"])
def test_a_killed_run_leaves_no_process_and_a_record_of_every_request(
    simulator: RunningSimulator, tmp_path: Path, victim: str
) -> None:
    """Kill -9: workers cut what is under way, write it down and end; the report is made from it."""
    out = tmp_path / "x"
    with started(
        *("run", "--target", simulator.url, "--users", "5", "--duration", "60s", "--workers", "2"),
        *("--max-output-tokens", "40", "--out", out),
    ) as process:
        wait_for(lambda: record_lines(out) > 20)
        children = children_of(process.pid)
        os.kill(process.pid if victim == "command" else min(children), signal.SIGKILL)
        ended = finish(process)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
    rebuilt = command("report", out)
    asked = simulator.truth()
    found = summary_of(out)

    assert len(children) == 3
    assert ended.code == (-9 if victim == "command" else 5)
    assert rebuilt.code == 0
    assert found.requests.attempted == len(asked)
    assert set(found.requests.by_outcome) == {"ok", "cancelled"}
    assert "may be missing" in " ".join(found.verdict.reasons)


@pytest.mark.slow
def test_a_suspended_command_prolongs_no_load(simulator: RunningSimulator, tmp_path: Path) -> None:
    """Ctrl-Z on the command: the load ends when it should, and the report is made afterwards."""
    out = tmp_path / "x"
    with started(
        *("run", "--target", simulator.url, "--users", "4", "--duration", "4s", "--grace", "1s"),
        *("--max-output-tokens", "4", "--out", out),
    ) as process:
        wait_for(lambda: record_lines(out) > 5)
        process.send_signal(signal.SIGSTOP)
        time.sleep(8)
        before = record_lines(out)
        time.sleep(1)
        assert record_lines(out) == before
        process.send_signal(signal.SIGCONT)
        ended = finish(process)

    assert ended.code == 0, ended.err
    assert summary_of(out).throughput.duration_s < 6
    assert summary_of(out).requests.attempted == len(simulator.truth())


@pytest.mark.slow
def test_a_vanished_reader_ends_no_run(simulator: RunningSimulator, tmp_path: Path) -> None:
    """`inferswarm run | head -1`: the run goes on silently and leaves its report."""
    out = tmp_path / "x"
    with started(
        *("run", "--target", simulator.url, "--users", "2", "--duration", "3s", "--out", out)
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        ended = finish(process)

    assert ended.code == 0, ended.err
    assert (out / "report.html").exists()


def test_a_key_that_the_server_echoes_is_hidden(tmp_path: Path) -> None:
    """Neither records nor page nor configuration hold a key, wherever it came from."""
    body = b'{"error":"wrong key sk-hunter2hunter2 or X-Mine: other-hunter2"}'
    answer = b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with answering(answer) as url:
        ended = command(
            *("run", "--target", url, "--model", "m", "--requests", "3", "--out", tmp_path / "x"),
            *("--set", "target.headers.X-Mine=other-hunter2"),
            env={**os.environ, "INFERSWARM_API_KEY": "sk-hunter2hunter2"},
        )
    files = [path for path in (tmp_path / "x").rglob("*") if path.is_file()]
    zipped = [record.body_head for record in records_of(tmp_path / "x")]

    assert ended.code == 4
    assert summary_of(tmp_path / "x").requests.by_outcome == {"http_401": 3}
    assert all("***" in body and "hunter2" not in body for body in zipped)
    assert [path.name for path in files if b"hunter2" in path.read_bytes()] == []


def test_a_worker_without_a_user_is_refused() -> None:
    """More workers than users would wait for ever with nothing to send."""
    ended = command("run", "--users", "1", "--workers", "3")

    assert ended.code == 2
    assert "must not exceed load.users" in ended.last_error


@pytest.mark.slow
def test_a_killed_worker_is_told_and_its_users_move(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    """The run goes on with the other worker, keeps what was recorded, and is INVALID."""
    out = tmp_path / "x"
    with started(
        *("run", "--target", simulator.url, "--users", "6", "--duration", "12s", "--workers", "2"),
        *("--max-output-tokens", "4", "--out", out),
    ) as process:
        wait_for(lambda: record_lines(out) > 20)
        os.kill(max(children_of(process.pid)), signal.SIGKILL)
        ended = finish(process)
    found = summary_of(out)
    last: dict[int, int] = {}
    for record in records_of(out):
        last[record.worker] = max(last.get(record.worker, 0), record.end_ns)

    assert ended.code == 0, ended.err
    assert len(found.client.lost_workers) == 1
    assert any("lost" in reason for reason in found.verdict.reasons)
    assert abs(last[0] - last[1]) > 5_000_000_000
    assert len(records_of(out)) == found.requests.attempted


def test_an_existing_run_is_never_overwritten(simulator: RunningSimulator, tmp_path: Path) -> None:
    """The second run into the same folder is refused before anything is sent."""
    first = command("run", "--target", simulator.url, "--requests", "2", "--out", tmp_path / "x")
    second = command("run", "--target", simulator.url, "--requests", "2", "--out", tmp_path / "x")

    assert first.code == 0
    assert second.code == 2
    assert "already holds" in second.last_error
    assert len(simulator.truth()) == 2


def test_gives_up_early_when_nothing_succeeds(tmp_path: Path) -> None:
    """A server that fails every request is not hammered for the whole duration."""
    with RunningSimulator(QUICK.model_copy(update={"error_rate": 1.0})) as simulator:
        ended = command(
            *("run", "--target", simulator.url, "--users", "4", "--duration", "60s"),
            *("--set", "load.give_up_after=30", "--out", tmp_path / "x"),
        )

    assert ended.code == 4
    assert "stopped early" in ended.last_error
    assert "http_500" in ended.last_error


def test_outcome_names_are_stable() -> None:
    """Stored records of older runs must stay readable: names are only ever added."""
    assert [str(outcome) for outcome in Outcome] == [
        *("ok", "connect", "tls", "timeout_connect", "timeout_first_byte", "timeout_idle"),
        *("timeout_total", "http_status", "stream_error", "truncated", "empty", "bad_frame"),
        "cancelled",
    ]
