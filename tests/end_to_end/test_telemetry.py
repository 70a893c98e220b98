"""Facts about a run whose server is watched: its own metrics, a real Prometheus, Cloud Monitoring."""

from pathlib import Path

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.process import RunningSimulator
from inferswarm.telemetry.values import Collected, parse_collected
from tests.end_to_end.command import command
from tests.prometheus import prometheus
from tests.servers import free_port

pytestmark = pytest.mark.slow
OPTIONS = {"ttft": "50ms", "itl": "5ms", "max_concurrency": 3, "backend": "vllm", "model": "m"}
LOAD = ("--users", 6, "--duration", "8s", "--max-output-tokens", 20, "--backend", "vllm")


def collected(folder: Path) -> Collected:
    """What a run kept of its server."""
    return parse_collected((folder / "metrics.json").read_bytes())


def values(found: Collected, name: str, source: str) -> list[float]:
    """The values of one line."""
    lines = [one for one in found.series if (one.name, one.source) == (name, source)]
    assert len(lines) == 1, found
    return [value for _, value in lines[0].points]


def test_the_servers_own_metrics_are_below_the_clients_curves(tmp_path: Path) -> None:
    """Looked at while the run goes: three at once, the others waiting, and tokens as they came."""
    with RunningSimulator(SimulatorOptions.model_validate(OPTIONS)) as simulator:
        out = tmp_path / "x"
        every = ("--set", "telemetry.poll_interval=500ms")
        ended = command("run", "--target", simulator.url, *LOAD, *every, "--out", out)
    assert ended.code == 0, ended.err
    found = collected(out)
    assert max(values(found, "running", "scrape")) == 3
    assert max(values(found, "waiting", "scrape")) == 3
    assert max(values(found, "output_tokens", "scrape")) > 100
    assert any("does not tell: KV cache in use" in note for note in found.notes)
    assert b"Requests in the server" in (out / "report.html").read_bytes()
    assert "Requests in the server running: mean" in (out / "results.txt").read_text()


def test_a_real_prometheus_is_asked_for_the_runs_window(tmp_path: Path) -> None:
    """Its series are in the report, those of a file of metrics too, and what it lacks is a note."""
    wanted = tmp_path / "metrics.yaml"
    wanted.write_text(
        "metrics:\n"
        "  mine: {promql: 'sum(vllm:num_requests_running)', title: mine, panel: Mine}\n"
        "  none: {promql: 'sum(no_such_metric)'}\n"
        "  wrong: {promql: 'sum('}\n"
    )
    with (
        RunningSimulator(SimulatorOptions.model_validate(OPTIONS)) as simulator,
        prometheus(tmp_path, simulator.url.removeprefix("http://")) as url,
    ):
        out = tmp_path / "x"
        asked = ("--prometheus-url", url, "--metrics", wanted, "--set", "telemetry.wait=3s")
        ended = command("run", "--target", simulator.url, *LOAD, *asked, "--out", out)
    assert ended.code == 0, ended.err
    assert "waiting 3 s until the monitoring knows" in ended.out
    found = collected(out)
    assert max(values(found, "running", "prometheus")) == 3
    assert max(values(found, "mine", "prometheus")) == 3
    assert values(found, "ttft_p95", "prometheus")
    notes = "\n".join(found.notes)
    assert "none: nothing is known of it" in notes
    assert "wrong: HTTP 400" in notes
    page = (out / "report.html").read_bytes()
    assert b'"title":"Mine"' in page


def test_monitoring_that_is_away_costs_notes_and_not_the_run(tmp_path: Path) -> None:
    """Neither Prometheus nor the server's own page is there."""
    away = f"http://127.0.0.1:{free_port()}"
    watch = ("--prometheus-url", away, "--poll", f"{away}/metrics", "--set", "telemetry.wait=0s")
    ended = command("run", "--users", 2, "--requests", 4, *watch, "--out", tmp_path / "x")
    assert ended.code == 0, ended.err
    notes = "\n".join(collected(tmp_path / "x").notes)
    assert "the server's own metrics could not be read" in notes
    assert "gpu_use: " in notes
