"""Facts about conversations in reports: terminal, page and `summary.json` tell the same."""

from inferswarm.exchange import Outcome
from inferswarm.reports import conversations
from inferswarm.reports.html import view
from inferswarm.reports.text import number
from inferswarm.snapshot import ConversationStats, Snapshot, take
from inferswarm.summary import Summary
from inferswarm.verdict import Client
from tests.builders import failure
from tests.reports.test_text import shown
from tests.test_conversations import talk


def summary_of(*, failed: bool = True) -> Summary:
    """A conversation held to its end, one that stopped, and maybe one of which a turn failed."""
    summary = Summary()
    summary.add_all([*talk(0, 5, 5), *talk(1, 3, 2)])
    if failed:
        summary.add_all([*talk(2, 3, 1), failure(Outcome.TRUNCATED, k=2, turn=1, turns=3)])
    return summary


def stats(shot: Snapshot) -> ConversationStats:
    """Those of a snapshot that has some."""
    assert shot.conversations is not None
    return shot.conversations


def test_a_snapshot_counts_conversations_and_their_turns() -> None:
    """Cut are all that were not held to their end; the fourth turn and later ones are one."""
    found = stats(take(summary_of(), Client()))

    assert (found.started, found.complete, found.cut, found.failed) == (3, 1, 2, 1)
    assert found.further_turns == 6
    assert [one.turn for one in found.by_turn] == ["0", "1", "2", "3+"]
    assert [one.metrics["ttft"].count for one in found.by_turn] == [3, 2, 1, 2]
    assert found.by_turn[0].metrics["ttft"].unit == "ms"


def test_turns_are_of_the_window_and_counts_of_the_whole_run() -> None:
    """As all latencies are."""
    later = Summary()
    later.add_all(talk(1, 3, 2)[1:])
    found = stats(take(summary_of(), Client(), latencies=later))

    assert found.started == 3
    assert [one.turn for one in found.by_turn] == ["1"]


def test_without_conversations_nothing_is_said() -> None:
    """Neither in the terminal nor on the page."""
    shot = take(Summary(), Client())

    assert shot.conversations is None
    assert conversations.parts(None, number) == []
    assert conversations.view(None) is None
    assert view(shot, Summary())["conversations"] is None


def test_a_sentence_says_why_conversations_were_cut() -> None:
    """By a turn that failed, or by the end of the load."""
    assert conversations.sentence(stats(take(summary_of(), Client()))) == (
        "3 conversations, 1 complete; 2 cut (1 by a failed turn, 1 by the end of the load)"
    )
    whole = Summary()
    whole.add_all(talk(0, 2, 2))
    assert conversations.sentence(stats(take(whole, Client()))) == "1 conversations, 1 complete"


def test_the_terminal_shows_a_row_for_each_turn() -> None:
    """Its good answers, its latencies and how long its input has become."""
    text = "".join(map(shown, conversations.parts(stats(take(summary_of(), Client())), number)))
    rows = [line.split() for line in text.splitlines() if line[:1].isdigit()][1:]

    assert rows[0] == ["0", "3", "100", "100", "400", "400", "10.0"]
    assert [row[0] for row in rows] == ["0", "1", "2", "3+"]


def test_the_page_gets_the_same_with_units() -> None:
    """Numbers are written by the page."""
    summary = summary_of()
    found = view(take(summary, Client()), summary)["conversations"]

    assert found["sentence"].startswith("3 conversations")
    assert len(found["columns"]) == len(found["rows"][0]["cells"])
    assert found["rows"][3] == {
        "turn": "3+",
        "count": 2,
        "cells": found["rows"][3]["cells"],
    }
    assert found["rows"][0]["cells"][-1] == {"unit": "tokens", "value": 10.0}
