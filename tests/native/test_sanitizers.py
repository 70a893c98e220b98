"""The C recorder under sanitizers: no byte beyond its block, no race, no undefined behaviour."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import inferswarm

NATIVE = Path(inferswarm.__file__).parent / "load" / "transport" / "native"
HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or shutil.which("gcc") is None,
        reason="needs gcc on Linux: apt-get install gcc",
    ),
]


def built(folder: Path, sanitizer: str, *sources: Path) -> Path:
    """A program of these sources; skips where the sanitizer's runtime is missing."""
    program = folder / "program"
    compiled = subprocess.run(
        [
            *("gcc", "-g", "-O1", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"),
            *(f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", f"-I{NATIVE}"),
            *map(str, sources),
            *("-lpthread", "-o", str(program)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "cannot find" in compiled.stderr:
        pytest.skip(f"needs the runtime of -fsanitize={sanitizer}: apt-get install libgcc-12-dev")
    assert compiled.returncode == 0, compiled.stderr
    return program


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_many_connections_from_many_threads(tmp_path: Path, sanitizer: str) -> None:
    """Every answer that is not cut on purpose comes back whole, whoever calls when."""
    program = built(tmp_path, sanitizer, HERE / "stress.c", NATIVE / "reader.c", NATIVE / "scan.c")
    ran = subprocess.run([program], capture_output=True, text=True, timeout=120, check=False)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "whole" in ran.stdout


@pytest.mark.parametrize("sanitizer", ["address,undefined"])
def test_any_bytes_in_any_pieces(tmp_path: Path, sanitizer: str) -> None:
    """Half a million answers of noise and of almost valid parts."""
    program = built(tmp_path, sanitizer, HERE / "fuzz.c", NATIVE / "scan.c")
    ran = subprocess.run(
        [program, "500000"], capture_output=True, text=True, timeout=120, check=False
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
