"""Facts about the packages that others install: they are whole, with a compiler and without."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 900
INDEX_LIMIT_S = 60


def run(words: list[str], limit_s: float) -> subprocess.CompletedProcess[str]:
    """A command to its end."""
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=limit_s)


def why_no_index(folder: Path) -> str:
    """Why pip gets nothing here; empty when it does."""
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    words += ["--retries", "1", "--timeout", "10", "--dest", str(folder), "setuptools>=80"]
    try:
        done = run(words, INDEX_LIMIT_S)
    except subprocess.TimeoutExpired:
        return "pip took too long"
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_packages_install_and_run_elsewhere(tmp_path: Path) -> None:
    """A wheel runs with its extension in a fresh environment, the source package without a compiler."""
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        pytest.skip("no headers of Python: apt-get install gcc python3-dev")
    if why := why_no_index(tmp_path):
        pytest.skip(f"no package index that pip can reach: {why}")
    words = [sys.executable, str(ROOT / "tools" / "wheel.py"), "--out", str(tmp_path / "dist")]
    done = run(words, LIMIT_S)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("proved: ") == 2, done.stdout
    assert len(list((tmp_path / "dist").iterdir())) == 2
