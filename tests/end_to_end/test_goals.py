"""Goals, with real processes: how a run with them ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.process import RunningSimulator
from tests.end_to_end.command import answering, command, records_of, summary_of

QUICK = SimulatorOptions.model_validate({"ttft": "20ms", "itl": "5ms"})
REFUSES = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
SHORT = ("--requests", "12", "--users", "3", "--max-output-tokens", "8")


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    """A quick simulated server."""
    with RunningSimulator(QUICK) as running:
        yield running


def test_a_run_is_judged_and_can_be_judged_again(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    """Its own goals are met; by stricter ones the stored run has missed; its page shows both."""
    out = tmp_path / "x"
    ended = command(
        *("run", "--target", simulator.url, *SHORT, "--out", out),
        *("--slo", "ttft.p95<5s", "--slo", "error_rate<1%,goodput.share>=100%"),
        *("--goodput", "ttft<5s", "--goodput", "e2e<5s"),
    )
    found = summary_of(out)
    assert ended.code == 0, ended.out + ended.err
    assert [goal.met for goal in found.goals] == [True, True, True]
    assert found.goodput is not None
    assert (found.goodput.attempted, found.goodput.good) == (12, 12)
    assert found.goodput.requests_per_s == found.throughput.requests_per_s

    again = command("report", out, "--goodput", "ttft<1ms")
    found = summary_of(out)
    assert again.code == 1, again.out + again.err
    assert [goal.goal for goal in found.goals if not goal.met] == ["goodput.share>=100%"]
    assert found.goodput is not None
    assert found.goodput.good == sum(one.chunk_ns[0] < 1_000_000 for one in records_of(out)) == 0
    assert "MISSED" in again.out
    assert "goodput: 0 of 12 requests" in again.out


@pytest.mark.slow
def test_a_missed_goal_gives_way_to_what_is_wrong_with_the_run(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    """1 for the goal alone, 3 when the run is INVALID and must not be, 4 when nothing succeeded."""
    missed = ("--slo", "ttft.p95<1ms")
    nothing_left = ("--warmup", "12")  # of 12 requests: such a run is INVALID
    run = ("run", "--target", simulator.url, *SHORT, *missed)
    assert command(*run, "--out", tmp_path / "a").code == 1
    assert command(*run, *nothing_left, "--out", tmp_path / "b").code == 1
    assert command(*run, *nothing_left, "--require-valid", "--out", tmp_path / "c").code == 3
    with answering(REFUSES) as url:
        failed = ("--model", "m", "--out", tmp_path / "d")
        assert command("run", "--target", url, *SHORT, *missed, *failed).code == 4


def test_a_wrong_goal_is_refused_before_any_load(tmp_path: Path) -> None:
    """One line, and no run folder."""
    ended = command("run", *SHORT, "--slo", "tfft.p95<5ms", "--out", tmp_path / "x")
    assert ended.code == 2
    assert ended.err.strip().endswith("unknown quantity tfft.p95; did you mean ttft.p95?")
    assert not (tmp_path / "x").exists()
