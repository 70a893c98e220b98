"""Facts about gauges: what a master is at."""

import msgspec

from inferswarm import snapshot
from inferswarm.exposition.families import render
from inferswarm.exposition.gauges import gauges
from inferswarm.summary import Summary
from inferswarm.verdict import Client
from tests.builders import record


def live() -> dict[str, object]:
    """The event that a master says twice a second."""
    summary = Summary()
    summary.add_all([record(k=k) for k in range(4)])
    shot = msgspec.to_builtins(snapshot.take(summary, Client(workers=2, cpu_share_max=0.5)))
    return {"users": 8, "in_flight": 3, "snapshot": shot}


def text(stage: str, event: dict[str, object], workers: list[str]) -> list[str]:
    """The lines of values."""
    lines = render(gauges(stage, event, workers)).decode().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_a_run_shows_its_users_workers_and_verdict() -> None:
    """Times in seconds."""
    lines = text("running", live(), ["running", "running", "lost"])
    assert "inferswarm_users 8" in lines
    assert "inferswarm_requests_in_flight 3" in lines
    assert 'inferswarm_workers{state="running"} 2' in lines
    assert 'inferswarm_workers{state="lost"} 1' in lines
    assert 'inferswarm_stage{stage="running"} 1' in lines
    assert 'inferswarm_stage{stage="idle"} 0' in lines
    assert "inferswarm_verdict_valid 1" in lines
    assert "inferswarm_worker_cpu_max_ratio 0.5" in lines
    lag = next(line for line in lines if line.startswith("inferswarm_send_lag_p99_seconds"))
    assert float(lag.split()[1]) == 0.001


def test_an_idle_master_has_no_users_but_the_last_verdict() -> None:
    """What was under way when the run ended is not any more."""
    lines = text("idle", live(), [])
    assert "inferswarm_users 0" in lines
    assert "inferswarm_requests_in_flight 0" in lines
    assert "inferswarm_verdict_valid 1" in lines


def test_before_the_first_run_there_is_no_verdict() -> None:
    """Nor a lag."""
    assert not [line for line in text("idle", {}, []) if "verdict" in line or "lag" in line]
