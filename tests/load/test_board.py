"""Facts about what a standing master says it is at, by what the driving process tells of runs."""

from inferswarm.facts import KEPT_RUNS
from inferswarm.load.board import Board


def board() -> Board:
    """Of a master without workers of other machines, to which nobody listens."""
    return Board(lambda *_, **__: None, lambda: 0)


def test_a_run_that_is_over_leaves_room_for_others() -> None:
    """And is found by its id."""
    one = board()
    one.told({"id": "a", "final": "done"})
    assert (one.state, one.runs["a"]["final"]) == ("idle", "done")


def test_a_run_that_was_cut_off_is_finished_first() -> None:
    """Until it is told how it ended, nobody may ask for another."""
    one = board()
    one.told({"id": "a", "key": "k"})
    assert one.state_of_all()["state"] == "finishing"
    one.told({"id": "a", "final": "done", "uploaded": "gs://b/a"})
    assert one.state == "idle"
    assert one.run == {"id": "a", "key": "k", "final": "done", "uploaded": "gs://b/a"}


def test_facts_of_a_run_that_goes_on_change_nothing_of_its_state() -> None:
    """It is starting when its plan is there, whatever else is told."""
    one = board()
    one.carried({"id": "a"})
    assert one.state == "starting"
    one.told({"id": "a", "users": 3})
    assert one.state == "starting"


def test_old_runs_are_forgotten() -> None:
    """So that memory stays bounded."""
    one = board()
    for number in range(KEPT_RUNS + 3):
        one.told({"id": str(number), "final": "done"})
    assert list(one.runs) == [str(number) for number in range(3, KEPT_RUNS + 3)]
