"""What the master says to a process that does not read: the load goes on, its end is told later."""

import os
from collections.abc import Iterator

import gevent
import msgspec
import pytest

from inferswarm.load.mouth import Mouth

PIPE_BYTES = 65_536


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """An end to read from, and one to write to."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    for end in (reading, writing):
        os.close(end)


def _read_all(reading: int) -> list[str]:
    """The names of all events that arrive within half a second."""
    told = b""
    for _ in range(50):
        gevent.sleep(0.01)
        try:
            told += os.read(reading, 1_000_000)
        except BlockingIOError:
            continue
    return [msgspec.json.decode(line)["event"] for line in told.splitlines()]


def test_events_reach_a_reader_that_was_suspended_though_none_follows_them(
    pipe: tuple[int, int],
) -> None:
    """The last words of a run wait for room, and then need nothing else to happen to be said."""
    reading, writing = pipe
    mouth = Mouth(writing)
    for _ in range(2):
        mouth.say("snapshot", much="x" * PIPE_BYTES)
    mouth.say("draining")
    mouth.say("ended")

    assert _read_all(reading) == ["snapshot", "draining", "ended"]


def test_snapshots_that_there_is_no_room_for_are_dropped(pipe: tuple[int, int]) -> None:
    """They are of no use later; an event is, and comes after what was begun."""
    reading, writing = pipe
    mouth = Mouth(writing)
    for _ in range(9):
        mouth.say("snapshot", much="x" * (PIPE_BYTES // 2))
    mouth.say("ended")

    assert 2 <= len(_read_all(reading)) < 9


def test_counts_that_there_is_no_room_for_are_dropped_too(pipe: tuple[int, int]) -> None:
    """They are cumulative, so that newer ones hold them; a reader that sleeps costs no memory."""
    reading, writing = pipe
    mouth = Mouth(writing)
    for _ in range(9):
        mouth.say("counted", much="x" * (PIPE_BYTES // 2))
    mouth.say("ended")

    told = _read_all(reading)
    assert 2 <= len(told) < 9
    assert told[-1] == "ended"


def test_a_reader_that_is_gone_is_not_waited_for() -> None:
    """Its pipe is broken: there is nobody to tell."""
    reading, writing = os.pipe()
    mouth = Mouth(writing)
    os.close(reading)
    mouth.say("ended")
    with gevent.Timeout(1):
        mouth.finish(lambda: True)
    os.close(writing)
