"""What is reported against what the simulator's own log says, and what a long run costs."""

import contextlib
import math
import subprocess
from pathlib import Path

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.process import RunningSimulator
from inferswarm.simulator.truth import TruthRow
from tests.end_to_end.command import children_of, finish, started, summary_of
from tests.end_to_end.command import command as run_command

pytestmark = pytest.mark.slow

SHARE = 0.05
NS_PER_MS = 1e6


def at_rank(values: list[int], share: float) -> float:
    """The nearest-rank quantile in milliseconds."""
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1] / NS_PER_MS


def true_ttft_ns(truth: list[TruthRow]) -> list[int]:
    """From a request's arrival at the server to the write of its first token."""
    return [row.token_ns[0] - row.accepted_ns for row in truth]


def true_itl_ns(truth: list[TruthRow]) -> list[int]:
    """Between the writes of two tokens of a request."""
    return [
        later - sooner
        for row in truth
        for sooner, later in zip(row.token_ns, row.token_ns[1:], strict=False)
    ]


def test_ttft_and_itl_are_those_of_the_truth_log(tmp_path: Path) -> None:
    """64 streams, 50 ms and 20 ms: p50 and p99 within 5 % of the log, counts equal."""
    options = SimulatorOptions.model_validate({"ttft": "50ms", "itl": "20ms"})
    with RunningSimulator(options) as simulator:
        ended = run_command(
            *("run", "--target", simulator.url, "--users", "64", "--duration", "15s"),
            *("--max-output-tokens", "64", "--out", tmp_path / "x"),
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


def test_spread_latencies_are_those_of_the_truth_log(tmp_path: Path) -> None:
    """A lognormal TTFT and several tokens a chunk change nothing about that."""
    options = SimulatorOptions.model_validate(
        {"ttft": "80ms", "ttft_sigma": 0.4, "itl": "10ms", "itl_sigma": 0.2, "tokens_per_chunk": 3}
    )
    with RunningSimulator(options) as simulator:
        run_command(
            *("run", "--target", simulator.url, "--users", "32", "--duration", "10s"),
            *("--max-output-tokens", "48", "--out", tmp_path / "x"),
        )
        truth = simulator.truth()
    found = summary_of(tmp_path / "x")

    assert found.tokens.output == sum(row.output_tokens for row in truth)
    ttft = found.metrics["ttft"]
    assert ttft.p50 == pytest.approx(at_rank(true_ttft_ns(truth), 0.5), rel=SHARE)
    assert ttft.p99 == pytest.approx(at_rank(true_ttft_ns(truth), 0.99), rel=SHARE)
    assert ttft.mean is not None
    mean_itl_ns = sum(true_itl_ns(truth)) / len(true_itl_ns(truth))
    # The first chunk's own tokens have no gap, so a request has 48 - 3 token times for 47 true gaps.
    assert found.metrics["itl"].mean == pytest.approx(mean_itl_ns * 47 / 45 / NS_PER_MS, rel=SHARE)


def memory_mb(pid: int) -> float:
    """Resident memory of a process; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")
    except OSError:
        return 0.0
    return int(fields[1].split()[0]) / 1000 if len(fields) > 1 else 0.0


def test_a_hundred_thousand_requests_need_no_more_memory(tmp_path: Path) -> None:
    """Command, master and worker grow by less than 50 MB from the first thousand requests on."""
    options = SimulatorOptions.model_validate({"ttft": "0ms", "itl": "0ms"})
    out = tmp_path / "x"
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    with (
        RunningSimulator(options) as simulator,
        started(
            *("run", "--target", simulator.url, "--requests", "100000", "--users", "64"),
            *("--max-output-tokens", "4", "--set", "load.duration=5m", "--out", out),
        ) as process,
    ):
        while process.poll() is None:
            if not list((out / "records").glob("*")) or (
                sum(part.stat().st_size for part in (out / "records").glob("*.jsonl")) < 500_000
                and not first
            ):
                continue
            for pid in [process.pid, *children_of(process.pid)]:
                if memory := memory_mb(pid):
                    first.setdefault(pid, memory)
                    last[pid] = max(last.get(pid, 0.0), memory)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
        ended = finish(process)

    assert ended.code == 0, ended.err
    assert summary_of(out).requests.succeeded == 100_000
    assert len(first) == 3
    growth = {pid: last[pid] - first[pid] for pid in first}
    print(f"memory growth in MB: {sorted(growth.values())}")  # noqa: T201 - shown with -s
    assert max(growth.values()) < 50
