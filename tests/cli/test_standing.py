"""Facts about a standing master before it listens."""

import subprocess
import sys
from pathlib import Path

import pytest

from inferswarm.cli.standing import _earlier
from inferswarm.errors import EXIT_INPUT


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Where runs cannot be kept the option is named, and nothing is called a bug of ours."""
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, "-m", "inferswarm", "master", "--web", "127.0.0.1:0"]
    where = tmp_path / "file" / "runs"
    done = subprocess.run(
        [*command, "--runs", str(where)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == EXIT_INPUT, done.stderr
    assert done.stderr == (
        f"inferswarm: --runs {where}: Not a directory; give a folder that we may write to\n"
    )


def test_what_does_not_describe_a_run_is_left_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file that was cut or is a stranger's: nobody could be told which run it is."""
    texts = {"a": '{"id": "a', "b": "[]", "c": '{"name": "x"}', "d": '{"id": "d"}'}
    for name, text in texts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    assert [folder.path.name for folder, _ in _earlier(tmp_path)] == ["d"]
    said = capfd.readouterr().err.splitlines()
    assert [line.split("run.json ")[1] for line in said] == [
        "does not describe a run; it is left alone"
    ] * 3
