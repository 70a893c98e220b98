"""Facts about who is waited for before a run of a standing master begins."""

from collections.abc import Iterator

import gevent
import pytest
from locust.rpc.protocol import Message

from inferswarm.load import board, swarm
from inferswarm.load.board import Board
from inferswarm.load.swarm import Swarm


@pytest.fixture
def ours() -> Iterator[Swarm]:
    """A master whose workers are all of other machines."""
    one = Swarm("", "token", waits=True)
    yield one
    one.quit()


def greet(ours: Swarm, name: str, *, local: bool = False) -> None:
    """A worker says hello."""
    hello = Message("inferswarm_hello", {"token": "token", "local": local}, name)  # type: ignore[no-untyped-call]
    ours._on_hello(ours.environment, hello)


def test_a_first_worker_is_waited_for(ours: Swarm) -> None:
    """One that is of another machine."""
    assert not ours.whole()
    greet(ours, "own", local=True)
    assert not ours.whole()
    greet(ours, "a")
    assert ours.whole()


def test_workers_that_were_sent_home_are_waited_for(ours: Swarm) -> None:
    """They come back under other names, and a run that begins before would do without them."""
    for name in ("a", "b"):
        greet(ours, name)
    greet(ours, "own", local=True)
    ours.dismiss()
    for name in ("c", "d"):
        assert not ours.whole()
        greet(ours, name)
    assert ours.whole()
    assert ours.remote() == 2


def test_a_lost_worker_is_not_waited_for(ours: Swarm) -> None:
    """It does not come back."""
    greet(ours, "a")
    ours.runner.lost.add("a")
    ours.dismiss()
    assert ours.whole()


def test_nobody_is_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not come for so long does not come."""
    monkeypatch.setattr(swarm, "RETURN_LIMIT_S", -1.0)
    one = Swarm("", "token", waits=True)
    try:
        assert one.whole()
    finally:
        one.quit()


def test_a_wish_waits_for_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is passed on with the number of those that are there then."""
    monkeypatch.setattr(board, "LOOK_S", 0.01)
    there: list[str] = []
    said: list[dict[str, object]] = []

    def say(event: str, **data: object) -> None:
        said.append(data)
        one.carried({"id": "r"})
        one.said("started", {})

    one = Board(say, lambda: len(there), lambda: len(there) == 2)
    asking = gevent.spawn(one.ask, {})
    gevent.sleep(0.05)
    assert said == []
    assert one.state == "preparing"
    there.extend(("a", "b"))
    assert asking.get(timeout=10) == {"id": "r"}
    assert said[0]["workers"] == 2
