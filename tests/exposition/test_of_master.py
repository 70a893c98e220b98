"""Facts about `/metrics` of a real standing master that nobody has asked for a run."""

import urllib.request
from pathlib import Path

import msgspec
import pytest

from inferswarm.config.telemetry import TelemetryOptions
from inferswarm.runs import MasterProcess
from tests.test_remote import until


def page(port: int, path: str) -> bytes:
    """What is answered there."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return bytes(answer.read())


def test_an_idle_master_answers_prometheus_and_the_old_route(tmp_path: Path) -> None:
    """On two ports; nothing was counted, and the old means are 0."""
    here = {"where": "127.0.0.1:0"}
    with MasterProcess("", "token", tmp_path / "log", here, here) as master:
        until(master, "listening")
        text = page(master.metrics_port, "/metrics").decode()
        means = msgspec.json.decode(page(master.web_port, "/stats/custom_metrics"))
    assert 'inferswarm_stage{stage="idle"} 1\n' in text
    assert "inferswarm_requests_total" not in text
    assert "locust_running 0\n" in text
    assert set(means.values()) == {0}
    assert len(means) == 5


@pytest.mark.slow
def test_a_default_port_that_is_taken_is_done_without(tmp_path: Path) -> None:
    """Unless it was asked for."""
    here = {"where": "127.0.0.1:0"}
    with MasterProcess("", "token", tmp_path / "log", metrics=here) as master:
        until(master, "listening")
        taken = {"where": f"127.0.0.1:{master.metrics_port}"}
        with MasterProcess("", "t", tmp_path / "2", metrics=taken | {"must": False}) as second:
            until(second, "listening")
            assert second.metrics_port == 0
        with MasterProcess("", "t", tmp_path / "3", metrics=taken) as third:
            assert f"cannot listen at {taken['where']}" in until(third, "failed")["error"]


def test_where_to_listen_is_checked_with_the_options() -> None:
    """HOST:PORT, or off."""
    for where in ("127.0.0.1:9646", "off", "", "[::1]:0"):
        assert TelemetryOptions(serve_metrics=where).serve_metrics == where
    for where in ("9646", "x:", ":1", "x:70000", "on"):
        with pytest.raises(ValueError, match="HOST:PORT"):
            TelemetryOptions(serve_metrics=where)
