"""The life of a run as the service sees it.

state        event       next          note
queued       taken       starting
queued       cancelled   cancelled
starting     cancelled   cancelled     stopped before anything was asked
starting     ready       warming       all workers are ready, the first users start
warming      warm        running       what is left out of the numbers is over
any active   drains      draining      nothing more is asked
any active   ended       uploading     every number is in; report, exports, bucket
any active   finished    done
any active   broken      failed        the master refused it, or could not finish it
any active   cut         interrupted   the master was lost; what was recorded has its report
"""

from enum import StrEnum


class State(StrEnum):
    """Where a run is."""

    QUEUED = "queued"
    STARTING = "starting"
    WARMING = "warming"
    RUNNING = "running"
    DRAINING = "draining"
    UPLOADING = "uploading"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


FINAL = frozenset({State.DONE, State.FAILED, State.CANCELLED, State.INTERRUPTED})
ACTIVE = frozenset(State) - FINAL - {State.QUEUED}
NEXT: dict[tuple[State, str], State] = {
    (State.QUEUED, "taken"): State.STARTING,
    (State.QUEUED, "cancelled"): State.CANCELLED,
    (State.STARTING, "cancelled"): State.CANCELLED,
    (State.STARTING, "ready"): State.WARMING,
    (State.WARMING, "warm"): State.RUNNING,
    **{(state, "drains"): State.DRAINING for state in ACTIVE - {State.UPLOADING}},
    **{(state, "ended"): State.UPLOADING for state in ACTIVE},
    **{(state, "finished"): State.DONE for state in ACTIVE},
    **{(state, "broken"): State.FAILED for state in ACTIVE},
    **{(state, "cut"): State.INTERRUPTED for state in ACTIVE},
}
_SEEN = {"running": "ready", "draining": "drains", "finishing": "ended"}
"""What the master's own state (`load.board.Board`) means here."""
_ENDS = {"done": "finished", "failed": "broken", "cancelled": "cancelled", "interrupted": "cut"}


def after(state: State, event: str) -> State:
    """The state after an event; the same when the event means nothing there."""
    return NEXT.get((state, event), state)


def seen(state: State, master: str, *, warm: bool, final: str = "") -> State:
    """The state of a run whose master is in the state `master`, or says that it is `final`."""
    if final:
        return after(state, _ENDS.get(final, "broken"))
    state = after(state, _SEEN.get(master, ""))
    return after(state, "warm") if warm else state
