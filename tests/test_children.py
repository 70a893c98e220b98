"""Facts about ending processes of our own: real ones, of the kinds that there are."""

import subprocess
import sys

import pytest

from inferswarm.children import end

LIMIT_S = 30.0
OBEDIENT = "import sys; sys.stdin.read()"
TALKATIVE = f"{OBEDIENT}; print('x' * 1_000_000)"
DEAF = "import time; time.sleep(600)"


def child(script: str) -> "subprocess.Popen[bytes]":
    """A process with pipes at both ends."""
    return subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


@pytest.mark.parametrize("script", [OBEDIENT, TALKATIVE])
def test_a_child_ends_with_its_input(script: str) -> None:
    """Also one that says more than a pipe holds, though nobody wants to know."""
    one = child(script)
    end([one], LIMIT_S)
    assert one.returncode == 0
    assert one.stdout is not None
    assert one.stdout.closed


def test_inputs_are_closed_before_anybody_is_waited_for() -> None:
    """So that all end at the same time; those that do not are killed."""
    deaf, obedient = child(DEAF), child(OBEDIENT)
    end([deaf, obedient], 1.0)
    assert (deaf.returncode, obedient.returncode) == (-9, 0)


def test_what_ended_before_stays_ended() -> None:
    """With words underway that it never read, and when asked twice."""
    gone = child("")
    assert gone.stdin is not None
    gone.wait()
    gone.stdin.write(b"too late")
    end([gone], LIMIT_S)
    end([gone], LIMIT_S)
    assert gone.returncode == 0
