"""Counts of conversations: complete, cut, failed, and the metrics of each turn."""

from itertools import pairwise

from inferswarm.conversations import Conversations
from inferswarm.exchange import Outcome
from inferswarm.records import Record
from tests.builders import MS, failure, record


def talk(k: int, turns: int, said: int, first_ms: int = 100) -> list[Record]:
    """The first `said` of so many turns, each a little slower to begin."""
    return [
        record(
            k=k, turn=turn, turns=turns, input_tokens=10 * (turn + 1),
            chunk_ns=[(first_ms + 10 * turn) * MS, 300 * MS, 400 * MS],
        )
        for turn in range(said)
    ]  # fmt: skip


def counted(records: list[Record]) -> Conversations:
    """What they come to."""
    found = Conversations()
    found.add_all(records)
    return found


def test_a_conversation_is_complete_when_its_last_turn_was_answered() -> None:
    """One of two that were begun; the other stopped after two of its three turns."""
    found = counted([*talk(0, 3, 3), *talk(1, 3, 2)])

    assert (found.started, found.complete, found.failed, found.further) == (2, 1, 0, 3)


def test_a_failed_turn_is_told_from_one_that_the_end_cut() -> None:
    """Both leave their conversation incomplete; only one of them is the server's."""
    cut = failure(Outcome.CANCELLED, k=1, turn=1, turns=3)
    found = counted([*talk(0, 3, 1), failure(k=0, turn=1, turns=3), *talk(1, 3, 1), cut])

    assert (found.started, found.complete, found.failed) == (2, 0, 1)


def test_requests_without_a_conversation_are_none() -> None:
    """They leave everything at nothing."""
    assert counted([record(k=0), record(k=1), failure(k=2)]) == Conversations()


def test_each_turn_has_its_own_metrics_and_the_late_ones_share_theirs() -> None:
    """Turns 3 and 4 are one; input tokens show how the history grows."""
    found = counted([*talk(0, 5, 5), *talk(1, 5, 1)])

    assert sorted(found.turns) == [0, 1, 2, 3]
    assert [found.turns[turn]["ttft"].count for turn in range(4)] == [2, 1, 1, 2]
    assert [found.turns[turn]["input_tokens"].high for turn in range(4)] == [10, 20, 30, 50]


def test_only_further_turns_have_a_lag() -> None:
    """That of arrivals is counted elsewhere."""
    records = talk(0, 3, 3)
    assert counted(records).lag.count == 2
    assert counted(records).lag.high == MS


def test_any_split_merges_to_the_same() -> None:
    """Three cuts of one list of records."""
    records = [*talk(0, 3, 3), *talk(1, 5, 5), failure(k=2, turn=0, turns=2), *talk(3, 2, 1)]
    for cuts in ([0, 4, 9], [0, 1, 2, 9], [0, 9]):
        merged = Conversations()
        for begin, end in pairwise([*cuts, len(records)]):
            merged.merge(counted(records[begin:end]))
        assert merged == counted(records)
