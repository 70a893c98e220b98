"""Facts about where this user's files are, and about using some alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from inferswarm.folders import alone, cache_folder

HOLDER = """
import sys
from pathlib import Path
from inferswarm.folders import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_cache_is_where_the_user_says() -> None:
    """Our own variable first, then the common one; a relative common one does not count."""
    common = {"XDG_CACHE_HOME": "/common"}
    assert cache_folder(common) == Path("/common/inferswarm")
    assert cache_folder(common | {"INFERSWARM_CACHE": "/own"}) == Path("/own")
    assert cache_folder({"INFERSWARM_CACHE": "own"}) == Path.cwd() / "own"
    for nothing in ({}, {"XDG_CACHE_HOME": "common"}, {"INFERSWARM_CACHE": ""}):
        assert cache_folder(nothing) == Path.home() / ".cache" / "inferswarm"


def test_who_finds_a_lock_held_is_told_and_may_refuse_or_wait(tmp_path: Path) -> None:
    """Another process holds it until it ends, even when that is killed."""
    lock, told = tmp_path / "lock", []
    with alone(lock, lambda: told.append("busy")):
        assert told == []
    command = [sys.executable, "-c", HOLDER, str(lock)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"

        def refuse() -> None:
            raise BlockingIOError("refused")

        with pytest.raises(BlockingIOError, match="refused"), alone(lock, refuse):
            raise AssertionError("it is held")
        with alone(lock, holder.kill):
            told.append("waited")
        assert told == ["waited"]
    finally:
        holder.kill()
        holder.communicate()
