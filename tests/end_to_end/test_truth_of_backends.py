"""One command line for every server: only backend and target change, and the times are true."""

from pathlib import Path

import pytest

from inferswarm.adapters.table import BACKENDS, route
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.process import RunningSimulator
from tests.end_to_end.command import command, summary_of
from tests.end_to_end.test_truth import at_rank, true_itl_ns, true_ttft_ns

pytestmark = pytest.mark.slow

SHARE = 0.02
PACE = {"ttft": "100ms", "itl": "20ms"}
STREAMED = [
    (backend.name, api)
    for backend in BACKENDS.values()
    for api in backend.apis
    if backend.name != "sax"
]


@pytest.mark.parametrize(("backend", "api"), STREAMED)
def test_times_and_counts_are_those_of_the_truth_log(
    tmp_path: Path, backend: str, api: str
) -> None:
    """16 streams: medians and means of TTFT and ITL within 2 % of the log, requests and chunks equal."""
    model = route(backend, api).adapter.default_model or "m"
    options = SimulatorOptions.model_validate(PACE | {"backend": backend, "model": model})
    with RunningSimulator(options) as simulator:
        ended = command(
            *("run", "--target", simulator.url, "--backend", backend, "--api", api),
            *("--model", model, "--users", "16", "--duration", "4s", "--max-output-tokens", "16"),
            *("--out", tmp_path / "x"),
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
        assert stats.mean == pytest.approx(sum(true_ns) / len(true_ns) / 1e6, rel=SHARE)


@pytest.mark.parametrize("backend", BACKENDS)
def test_plain_answers_end_when_the_truth_log_says(tmp_path: Path, backend: str) -> None:
    """Not streamed, by the first route that can: E2E within 2 % of the log."""
    api = {"jetstream": "generate"}.get(backend, "")
    model = route(backend, api).adapter.default_model or "m"
    options = SimulatorOptions.model_validate(PACE | {"backend": backend, "model": model})
    with RunningSimulator(options) as simulator:
        ended = command(
            *("run", "--target", simulator.url, "--backend", backend, "--no-stream"),
            *(("--api", api) if api else ()),
            *("--model", model, "--users", "16", "--duration", "4s", "--max-output-tokens", "16"),
            *("--out", tmp_path / "x"),
        )
        truth = simulator.truth()
    found = summary_of(tmp_path / "x")
    whole_ns = [row.head_ns - row.accepted_ns for row in truth]

    assert ended.code == 0, ended.err
    assert found.requests.succeeded == len(truth)
    assert found.metrics["e2e"].p50 == pytest.approx(at_rank(whole_ns, 0.5), rel=SHARE)
