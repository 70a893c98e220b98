"""Facts about a standing master before it listens."""

import subprocess
import sys
from pathlib import Path

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
