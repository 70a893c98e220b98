"""`inferswarm calibrate`, with real processes, and a run beyond what it found."""

import os
import signal
import time
from pathlib import Path

import msgspec
import pytest

from inferswarm.calibration import store
from inferswarm.calibration.ramps import SHORT_TOKENS
from inferswarm.ceiling import Ceiling, Ceilings
from inferswarm.config.tree import RunConfig
from tests.end_to_end.command import (
    children_of,
    command,
    finish,
    started,
    summary_of,
    wait_for,
)


def kept_for(config: RunConfig, recorder: str, ceilings: Ceilings) -> None:
    """Keep a calibration for this machine, as the command would have."""
    store.save(
        store.default_path(os.environ),
        store.Entry(
            machine=store.this_machine(),
            setup=store.setup_of(config, recorder),
            conditions=store.Conditions(128, 200.0, 20.0, quick=True),
            ceilings=ceilings,
            errors={},
        ),
    )


@pytest.mark.slow
def test_calibrate_finds_and_keeps_what_one_worker_carries(tmp_path: Path) -> None:
    """Both ramps have steps; errors are small beside the log's truth; the same is in the store."""
    kept = tmp_path / "here" / "calibration.json"
    with started(
        *("calibrate", "--quick", "--json", "--max-output-tokens", "32", "--store", kept)
    ) as process:
        out, err = process.communicate(timeout=240)
    found = msgspec.json.decode(out)
    (entry,) = store.load(kept)

    assert process.returncode == 0, err
    assert "streams" in err
    assert entry.machine == store.this_machine()
    assert entry.conditions.quick
    assert found["ceilings"] == msgspec.to_builtins(entry.ceilings)
    for counts, tokens in (("tokens", 32), ("requests", SHORT_TOKENS)):
        made = found["steps"][counts]
        assert made
        for one in made:
            figures = one["measured"]["figures"]
            assert one["step"]["result"] in ("carried", "missed", "disturbed", "behind")
            assert figures["failed"] == {}
            assert figures["matched"] > 0
            # The truth is the log's: no simulator is ahead of the pace that it was given.
            assert figures["metrics"]["itl"]["true_mean"] > 19
            assert figures["metrics"]["ttft"]["true_p50"] > 150
            assert figures["metrics"]["itl"]["count"] >= figures["matched"] * (tokens - 1) * 0.2


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    """Neither process nor file nor half a calibration, and 130."""
    with started(
        *("calibrate", "--store", tmp_path / "kept.json"),
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    ) as process:
        wait_for(lambda: len(children_of(process.pid)) == 3)
        children = children_of(process.pid)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        ended = finish(process)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))

    assert ended.code == 130
    assert ended.last_error == "inferswarm: interrupted"
    assert list(tmp_path.glob("*.json")) == list(tmp_path.glob("*simul*")) == []
    assert list(tmp_path.glob("inferswarm-*")) == []


def test_wrong_input_is_told_before_any_load(tmp_path: Path) -> None:
    """An unknown option, and a store that holds something else."""
    bad = tmp_path / "notes.json"
    bad.write_text("my notes")
    assert command("calibrate", "--itl", "fast").code == 2
    ended = command("calibrate", "--store", bad)

    assert ended.code == 5
    assert "notes.json" in ended.last_error
    assert bad.read_text() == "my notes"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ceiling", "valid"), [(Ceiling(1.0), True), (Ceiling(1.0, 2.0), False), (None, True)]
)
def test_a_run_beyond_its_calibration_is_flagged(
    tmp_path: Path, *, ceiling: Ceiling | None, valid: bool
) -> None:
    """A lower bound warns, a limit makes it INVALID, in the terminal, in summary and rebuilt report."""
    kept_for(RunConfig(), "gevent", Ceilings(tokens=ceiling))
    out = tmp_path / "x"
    arguments = ("run", "--requests", "4", "--max-output-tokens", "8")
    ended = command(*arguments, "--set", "load.recorder=gevent", "--out", out)
    sentence = "is beyond the calibrated 1"
    told = summary_of(out).verdict
    again = command("report", out, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "other")})

    assert ended.code == 0, ended.err
    assert told.valid == valid
    said = told.warnings if valid else told.reasons
    assert any(sentence in one for one in said) == (ceiling is not None)
    assert (sentence in ended.out) == (sentence in again.out) == (ceiling is not None)
    assert (sentence in (out / "report.html").read_text()) == (ceiling is not None)
    assert summary_of(out).verdict == told


def test_help_shows_examples() -> None:
    """What a newcomer sees."""
    ended = command("calibrate", "--help")
    assert ended.code == 0
    assert "inferswarm calibrate --quick" in ended.out
    assert "--ttft" in ended.out
    assert "--users" not in ended.out
