"""Starting and stopping: nothing is lost, nothing is left, every failure says what to do."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.config.units import Duration
from inferswarm.errors import InputError, LoadProcessError, StorageError
from inferswarm.simulator import process
from inferswarm.simulator.process import RunningSimulator
from inferswarm.simulator.server import serve
from inferswarm.simulator.truth import read_truth

from .conftest import Start, completion, connect, exchange


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_loses_no_row(start: Start, number: int) -> None:
    """A signal ends running requests too, and every one of them has its row."""
    simulator = start(max_concurrency=2)
    assert exchange(simulator, completion(stream=True)).complete
    with connect(simulator) as streaming, connect(simulator) as other, connect(simulator) as queued:
        for connection in (streaming, other, queued):
            connection.sendall(completion(stream=True, max_tokens=100_000))
        assert streaming.recv(100)
        assert other.recv(100)
        os.kill(simulator.pid, number)
        received = b""
        while piece := streaming.recv(65536):
            received += piece
        assert b"[DONE]" not in received
        assert not received.endswith(b"0\r\n\r\n")
    rows = simulator.truth()
    assert [row.outcome for row in rows[:3]] == ["ok", "hangup", "hangup"]
    assert all(row.outcome == "hangup" and row.started_ns == 0 for row in rows[3:])
    assert simulator.pid == 0


def test_cancelled_server_flushes(tmp_path: Path) -> None:
    """`serve` in a loop of another owner ends by cancellation and keeps its rows."""
    truth_path = tmp_path / "truth.jsonl"

    async def scenario() -> None:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        options = SimulatorOptions(ttft=Duration(1_000_000), itl=Duration(1_000_000))
        server = asyncio.create_task(serve(options, "127.0.0.1", 0, truth_path, port.set_result))
        reader, writer = await asyncio.open_connection("127.0.0.1", await port)
        writer.write(completion(stream=True))
        await reader.readuntil(b"\r\n0\r\n\r\n")
        server.cancel()
        with pytest.raises(asyncio.CancelledError):
            await server
        writer.close()

    asyncio.run(scenario())
    assert [row.output_tokens for row in read_truth(truth_path)] == [6]


def test_port_in_use(tmp_path: Path) -> None:
    """A port in use is named with its host and the remedy; the log is left as it was."""
    truth_path = tmp_path / "truth.jsonl"
    truth_path.write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}: .*--port"):
            asyncio.run(serve(SimulatorOptions(), "127.0.0.1", port, truth_path, print))
    assert truth_path.read_text() == "kept"


def test_port_out_of_range() -> None:
    """A port that cannot be is wrong input too."""
    with pytest.raises(InputError, match="70000"):
        asyncio.run(serve(SimulatorOptions(), "127.0.0.1", 70_000, None, print))


def test_unwritable_truth(tmp_path: Path) -> None:
    """A truth log that cannot be opened is wrong input."""
    path = tmp_path / "missing" / "truth.jsonl"
    with pytest.raises(InputError, match=r"missing/truth\.jsonl"):
        asyncio.run(serve(SimulatorOptions(), "127.0.0.1", 0, path, print))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_ends_the_server() -> None:
    """A truth log that can no longer be written ends the server with a message."""

    async def scenario() -> None:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        options = SimulatorOptions(ttft=Duration(1_000_000), itl=Duration(1_000_000))
        server = asyncio.create_task(
            serve(options, "127.0.0.1", 0, Path("/dev/full"), port.set_result)
        )
        _, writer = await asyncio.open_connection("127.0.0.1", await port)
        writer.write(completion(stream=True))
        with pytest.raises(StorageError, match="No space left on device; up to 1 requests"):
            await asyncio.wait_for(server, 20)
        writer.close()

    asyncio.run(scenario())


def test_child_ends_with_its_lifeline() -> None:
    """The process ends by itself when whoever holds its standard input is gone."""
    command = [sys.executable, "-m", "inferswarm.simulator", "--lifeline", "--port", "0"]
    sources = str(Path(process.__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": sources}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline().startswith(b"listening ")
        child.stdin.close()
        assert child.wait(20) == 0


def test_simulator_that_does_not_start() -> None:
    """A child that cannot start is reported, not waited for."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        simulator = RunningSimulator(port=taken.getsockname()[1])
        with pytest.raises(LoadProcessError, match="did not start"):
            simulator.__enter__()
    with pytest.raises(LoadProcessError, match="kept no truth"):
        simulator.truth()


def test_context_manager_stops_the_child() -> None:
    """After the context the port is free and the truth can be read."""
    with RunningSimulator(
        SimulatorOptions(ttft=Duration(1_000_000), itl=Duration(1_000_000))
    ) as simulator:
        assert simulator.url == f"http://127.0.0.1:{simulator.port}"
        read = exchange(simulator, completion())
        number = int(json.loads(read.body)["id"].removeprefix("cmpl-"), 16)
    with pytest.raises(ConnectionRefusedError):
        connect(simulator)
    assert [row.request for row in simulator.truth()] == [number]


def test_truth_that_is_not_truth(tmp_path: Path) -> None:
    """A file that is no truth log is refused by name."""
    path = tmp_path / "truth.jsonl"
    path.write_text('{"request":')
    with pytest.raises(StorageError, match=r"truth\.jsonl"):
        read_truth(path)
