"""Open loop, with real processes: a schedule that no server can slow down or hide."""

import math
import os
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from inferswarm import timing
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.exchange import Outcome
from inferswarm.records import Record
from inferswarm.simulator.process import RunningSimulator
from tests.end_to_end.command import (
    command,
    finish,
    record_lines,
    records_of,
    started,
    summary_of,
    wait_for,
)

QUICK = SimulatorOptions.model_validate({"ttft": "5ms", "itl": "1ms"})
S = 1_000_000_000


def gaps_s(records: list[Record]) -> list[float]:
    """Seconds between one due time and the next, in order."""
    due = sorted(record.due_ns for record in records)
    return sorted((later - sooner) / S for sooner, later in pairwise(due))


@pytest.mark.slow
def test_a_poisson_schedule_is_exponential_and_complete(tmp_path: Path) -> None:
    """Every arrival is sent once, and the gaps pass a Kolmogorov-Smirnov test at 1 %."""
    out = tmp_path / "x"
    ended = command(
        *("run", "--rate", "200/s", "--duration", "10s", "--workers", "2", "--out", out),
        *("--max-output-tokens", "4", "--set", "simulator.ttft=5ms", "--set", "simulator.itl=1ms"),
    )
    records = records_of(out)
    gaps = gaps_s(records)
    cumulative = [1 - math.exp(-200 * gap) for gap in gaps]
    count = len(gaps)
    distance = max(max((i + 1) / count - at, at - i / count) for i, at in enumerate(cumulative))

    assert ended.code == 0, ended.err
    assert [record.k for record in records] == list(range(len(records)))
    assert 1_800 < len(records) < 2_200
    assert distance < 1.63 / math.sqrt(count)


@pytest.mark.slow
def test_a_stall_of_the_server_shows_from_due_where_from_sent_hides_it(tmp_path: Path) -> None:
    """Two at a time: a stall of 2 s delays hundreds, of which only two were sent into it."""
    out = tmp_path / "x"
    with (
        RunningSimulator(QUICK) as simulator,
        started(
            *("run", "--target", simulator.url, "--rate", "100/s", "--duration", "7s"),
            *("--max-in-flight", "2", "--max-output-tokens", "4", "--out", out),
        ) as run,
    ):
        wait_for(lambda: record_lines(out) > 100)
        os.kill(simulator.pid, signal.SIGSTOP)
        time.sleep(2)
        os.kill(simulator.pid, signal.SIGCONT)
        ended = finish(run)
    records = records_of(out)
    slow_from_sent = [one for one in records if (timing.ttft_ns(one) or 0) > S // 2]
    slow_from_due = [one for one in records if (timing.ttft_due_ns(one) or 0) > S // 2]

    assert ended.code == 0, ended.err
    assert [record.k for record in records] == list(range(len(records)))
    assert 1 <= len(slow_from_sent) <= 2
    assert len(slow_from_due) > 100
    found = summary_of(out)
    from_due, from_sent = found.metrics["ttft_due"].mean, found.metrics["ttft"].p90
    assert from_due is not None
    assert from_sent is not None
    assert from_due > 10 * from_sent
    assert any("sent in time" in reason for reason in found.verdict.reasons)


@pytest.mark.slow
def test_a_server_that_goes_and_comes_back_costs_only_what_it_missed(tmp_path: Path) -> None:
    """The run goes on, requests in between are failures of their own kind, and none is missing."""
    out = tmp_path / "x"
    with RunningSimulator(QUICK) as first:
        port = first.port
        with started(
            *("run", "--target", first.url, "--rate", "100/s", "--duration", "10s"),
            *("--max-output-tokens", "4", "--out", out),
        ) as run:
            wait_for(lambda: record_lines(out) > 100)
            first.stop()
            time.sleep(1)
            with RunningSimulator(QUICK, port):
                ended = finish(run)
    records = records_of(out)
    failed = [record for record in records if not record.ok]

    assert ended.code == 0, ended.err
    assert [record.k for record in records] == list(range(len(records)))
    assert {record.outcome for record in failed} <= {Outcome.CONNECT, Outcome.TRUNCATED}
    assert len(failed) > 50
    assert records[-1].ok
