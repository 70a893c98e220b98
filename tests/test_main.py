"""Facts about the command as the first process of a container."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ISOLATED = ("unshare", "--fork", "--pid", "--mount-proc", "--kill-child")


def _is_allowed() -> bool:
    try:
        return subprocess.run([*ISOLATED, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _child_of(pid: int) -> int:
    """The first process of the namespace, once it is there."""
    end_s = time.monotonic() + 20
    while not (found := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        assert time.monotonic() < end_s
        time.sleep(0.02)
    return int(found[0])


@pytest.mark.skipif(
    not _is_allowed(), reason="needs root, and `unshare` (apt-get install util-linux)"
)
def test_as_first_process_it_ends_when_it_is_told_to() -> None:
    """SIGTERM ends a command that has no handler of its own, though the kernel protects process 1."""
    inner = [sys.executable, "-m", "inferswarm", "exporter", "--locust-url", "http://localhost:9"]
    with subprocess.Popen(
        [*ISOLATED, *inner, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("metrics of")
            os.kill(_child_of(process.pid), signal.SIGTERM)
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 130
    assert said == "inferswarm: interrupted\n"
