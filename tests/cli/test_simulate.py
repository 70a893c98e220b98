"""Facts about `inferswarm simulate`."""

import subprocess
import sys
from pathlib import Path

import pytest

from inferswarm.cli.main import main


def _started(*arguments: str) -> tuple[str, str]:
    """The announcement of a server that is then stopped, and what it said besides."""
    command = [sys.executable, "-m", "inferswarm", "simulate", "--port", "0", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
        finally:
            child.terminate()
        _, said = child.communicate(timeout=20)
    return line, said


def test_the_configuration_of_a_run_can_be_used(tmp_path: Path) -> None:
    """Its simulator is simulated, and what only a run has is left out, which is said."""
    path = tmp_path / "bench.yaml"
    path.write_text("target: {backend: vllm}\nload: {users: 3}\nsimulator: {backend: sglang}\n")
    line, said = _started("--config", str(path), "--model", "mine")
    assert line.startswith("simulating sglang, model 'mine', at http://127.0.0.1:")
    assert said == f"inferswarm: {path}: only for runs, left out here: target, load\n"


def test_a_wrong_option_of_the_simulator_is_still_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file and the nearest name."""
    path = tmp_path / "bench.yaml"
    path.write_text("load: {users: 3}\nsimulator: {bakend: tgi}\n")
    assert main(["simulate", "--config", str(path)]) == 2
    assert "did you mean simulator.backend?" in capsys.readouterr().err


def test_an_unknown_backend_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With all that there are."""
    assert main(["simulate", "--backend", "tgl"]) == 2
    told = capsys.readouterr().err
    assert "allowed: one of openai, vllm, tgi" in told
    assert "did you mean tgi?" in told


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """One of them for another server than OpenAI's."""
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    assert "inferswarm simulate --backend tgi" in capsys.readouterr().out
