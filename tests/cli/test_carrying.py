"""Facts about a run that fails on its way from the configuration to the report."""

import socket
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from inferswarm.cli.carrying import load_once, prepare
from inferswarm.config.tree import RunConfig
from inferswarm.errors import LoadProcessError
from inferswarm.simulator.process import RunningSimulator

ENDING_LIMIT_S = 20.0
WATCHER = "server metrics"


def test_nobody_looks_at_the_server_after_a_load_that_failed(tmp_path: Path) -> None:
    """A standing master goes on, and would look at the servers of all runs that failed."""
    console = Console(quiet=True)
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        RunningSimulator(truth=False) as simulator,
    ):
        given = {
            "target": {"url": simulator.url, "backend": "vllm"},
            "load": {"bind": f"127.0.0.1:{taken.getsockname()[1]}", "requests": 1},
            "output": {"out": str(tmp_path / "run")},
            "telemetry": {"poll": f"{simulator.url}/metrics", "serve_metrics": "off"},
        }
        ready = prepare(RunConfig.model_validate(given), console)
        with pytest.raises(LoadProcessError):
            load_once(ready, ready.config, console, console)
        end_s = time.monotonic() + ENDING_LIMIT_S
        while any(one.name == WATCHER for one in threading.enumerate()):
            assert time.monotonic() < end_s, "somebody still looks"
            time.sleep(0.01)
