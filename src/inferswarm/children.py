"""Ending processes of our own, which end by themselves when their standard input does."""

import contextlib
import subprocess
from collections.abc import Iterable


def end(children: Iterable[subprocess.Popen[bytes]], limit_s: float) -> None:
    """Close their inputs, wait, and kill each that has not ended within `limit_s` then.

    What a child still says on a pipe is thrown away, so that it cannot wait for us to read it. May be
    called again.
    """
    children = list(children)
    for child in children:
        stdin, child.stdin = child.stdin, None
        if stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it ended before it had read everything
                stdin.close()
    for child in children:
        try:
            child.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
