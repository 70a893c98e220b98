"""Facts about the life of a run."""

import pytest

from inferswarm.service.states import ACTIVE, FINAL, NEXT, State, after, seen


def test_every_state_is_reached_and_left() -> None:
    """But the final ones, which nothing leaves, and the first, into which nothing leads."""
    assert {state for state, _ in NEXT} == set(State) - FINAL
    assert set(NEXT.values()) == set(State) - {State.QUEUED}
    assert set(State) == FINAL | ACTIVE | {State.QUEUED}


@pytest.mark.parametrize(
    ("state", "master", "warm", "final", "then"),
    [
        (State.STARTING, "preparing", False, "", State.STARTING),
        (State.STARTING, "running", False, "", State.WARMING),
        (State.STARTING, "running", True, "", State.RUNNING),
        (State.WARMING, "running", True, "", State.RUNNING),
        (State.RUNNING, "draining", True, "", State.DRAINING),
        (State.STARTING, "finishing", False, "", State.UPLOADING),
        (State.UPLOADING, "idle", True, "done", State.DONE),
        (State.RUNNING, "", True, "interrupted", State.INTERRUPTED),
        (State.RUNNING, "", True, "failed", State.FAILED),
        (State.STARTING, "", True, "cancelled", State.CANCELLED),
        (State.RUNNING, "idle", True, "something new", State.FAILED),
        (State.DRAINING, "running", True, "", State.DRAINING),
        (State.DONE, "running", True, "failed", State.DONE),
    ],
)
def test_what_the_master_is_at_moves_a_run(
    state: State, master: str, warm: object, final: str, then: State
) -> None:
    """Forward only, and never out of its end."""
    assert seen(state, master, warm=bool(warm), final=final) is then


def test_an_event_that_means_nothing_changes_nothing() -> None:
    """A late word about a run that is over, for example."""
    for state in FINAL:
        for event in {event for _, event in NEXT}:
            assert after(state, event) is state
