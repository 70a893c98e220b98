"""JetStream over gRPC, from the command line to the report, against the simulator's own log."""

from pathlib import Path

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.process import RunningSimulator
from tests.end_to_end.command import command as run_command
from tests.end_to_end.command import summary_of
from tests.end_to_end.test_truth import SHARE, at_rank, true_itl_ns, true_ttft_ns

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("recorder", ["native", "gevent"])
def test_ttft_and_itl_are_those_of_the_truth_log(tmp_path: Path, recorder: str) -> None:
    """64 streams, 50 ms and 20 ms: p50 and p99 within 5 %, counts equal."""
    options = SimulatorOptions.model_validate(
        {"backend": "jetstream", "ttft": "50ms", "itl": "20ms"}
    )
    with RunningSimulator(options) as simulator:
        ended = run_command(
            *("run", "--target", simulator.url, "--backend", "jetstream", "--users", "64"),
            *("--duration", "10s", "--max-output-tokens", "64", "--out", tmp_path / "x"),
            *("--set", f"load.recorder={recorder}"),
        )
        truth = simulator.truth()
    found = summary_of(tmp_path / "x")

    assert ended.code == 0, ended.err
    assert found.requests.attempted == found.requests.succeeded == len(truth)
    assert found.tokens.output == sum(row.output_tokens for row in truth)
    for name, true_ns in (("ttft", true_ttft_ns(truth)), ("itl", true_itl_ns(truth))):
        stats = found.metrics[name]
        assert stats.count == len(true_ns)
        assert stats.p50 == pytest.approx(at_rank(true_ns, 0.5), rel=SHARE)
        assert stats.p99 == pytest.approx(at_rank(true_ns, 0.99), rel=SHARE)


def test_failures_are_counted_as_what_they_are(tmp_path: Path) -> None:
    """Refusals and broken calls are errors of the stream, hang-ups are truncated."""
    options = SimulatorOptions.model_validate(
        {
            "backend": "jetstream",
            "ttft": "10ms",
            "itl": "1ms",
            "error_rate": 0.2,
            "stream_error_rate": 0.2,
            "hangup_rate": 0.2,
        }
    )
    with RunningSimulator(options) as simulator:
        run_command(
            *("run", "--target", simulator.url, "--backend", "jetstream", "--users", "8"),
            *("--requests", "200", "--duration", "30s", "--out", tmp_path / "x"),
        )
        truth = simulator.truth()
    found = summary_of(tmp_path / "x")
    of = {
        kind: sum(row.outcome == kind for row in truth) for kind in ("ok", "stream_error", "hangup")
    }

    assert sum(of.values()) == 200
    assert found.requests.succeeded == of["ok"]
    assert found.requests.by_outcome["stream_error"] == of["stream_error"]
    assert found.requests.by_outcome["truncated"] == of["hangup"]
