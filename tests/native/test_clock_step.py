"""The C recorder when somebody sets the wall clock: its stamps are wall time, its tape must not be."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import inferswarm

NATIVE = Path(inferswarm.__file__).parent / "load" / "transport" / "native"
HERE = Path(__file__).parent
SOURCES = (HERE / "clock_step.c", NATIVE / "reader.c", NATIVE / "scan.c")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("gcc") is None,
    reason="needs gcc on Linux: apt-get install gcc",
)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the program prints that steps the clock an hour forward and two back."""
    program = tmp_path_factory.mktemp("clock") / "program"
    wrapped = ("-Wl,--wrap=clock_gettime", "-Wl,--wrap=recvmsg")
    built = subprocess.run(
        [
            *("gcc", "-g", "-O1", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"),
            *(f"-I{NATIVE}", *map(str, SOURCES), *wrapped, "-lpthread", "-o", str(program)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    ran = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    if ran.returncode == 2:
        pytest.skip("needs a kernel that stamps what it receives")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_no_arrival_moves_with_the_wall_clock(said: str) -> None:
    """Every recorded arrival lies within seconds after its write, whatever the wall clock says."""
    lateness = [int(number) for number in re.findall(r": (-?\d+) ms", said)]

    assert len(lateness) == 5
    assert all(0 <= ms < 1000 for ms in lateness), said


def test_only_reads_that_straddle_a_step_use_the_own_clock(said: str) -> None:
    """Two steps cost two stamps, and are counted; reads before and after keep the kernel's."""
    assert said.endswith("6 reads, 2 by the own clock\n"), said
