"""Checkers of deployments (checkov, hadolint, ...), pinned by `requirements/deploy.txt`.

They need other versions of common packages than we do, so they live in a virtual environment of their
own, `build/deploy-tools`: made once, and again when what is pinned changes.
"""

import hashlib
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from inferswarm.folders import alone

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "deploy-tools"
PINS = ROOT / "requirements" / "deploy.txt"
INSTALL_LIMIT_S = 900.0


@cache
def tool(name: str) -> Path:
    """The path of a checker; skips the test, in words, where it cannot be installed."""
    FOLDER.parent.mkdir(exist_ok=True)
    with alone(FOLDER.with_name("deploy-tools.lock")):
        why = _make() if _made() != _wanted() else ""
    if why:
        pytest.skip(f"{name} could not be installed from requirements/deploy.txt by pip: {why}")
    return FOLDER / "bin" / name


def _wanted() -> str:
    """What an environment that fits is marked with."""
    return f"{sys.version_info[:2]} {hashlib.sha256(PINS.read_bytes()).hexdigest()}"


def _made() -> str:
    mark = FOLDER / "made-for"
    return mark.read_text() if mark.is_file() else ""


def _make() -> str:
    """Make it anew; why not, or nothing."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    venv: list[str | Path] = [sys.executable, "-m", "venv", FOLDER]
    pip: list[str | Path] = [FOLDER / "bin" / "python", "-m", "pip", "install", "--quiet"]
    for command in (venv, [*pip, "--require-hashes", "-r", PINS]):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False
        )
        if done.returncode:
            said = done.stderr.strip().splitlines()
            return said[-1] if said else f"code {done.returncode}"
    (FOLDER / "made-for").write_text(_wanted())
    return ""


def kubectl() -> str:
    """The path of kubectl; skips the test, in words, where there is none."""
    found = shutil.which("kubectl")
    if found is None:
        pytest.skip(
            "kubectl is not there: https://kubernetes.io/docs/tasks/tools says how to get it"
        )
    return found
