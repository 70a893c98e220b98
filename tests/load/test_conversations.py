"""Conversations: turns that follow their answers, in both loops, to their end or that of the load."""

import math
import time
from itertools import pairwise
from typing import Any

import gevent
import msgspec
import pytest

from inferswarm.clock import now_ns
from inferswarm.exchange import Outcome
from inferswarm.load.streams import Loan, Streams
from inferswarm.prompts import Prompt, Turn
from inferswarm.records import Record
from tests.load.servers import (
    FINISH,
    STREAM_END,
    STREAM_HEAD,
    Script,
    Served,
    chunk,
    plain,
    read_request,
    token,
)
from tests.load.test_engine import S, engine_on, played, silent, three_tokens

TALK = Prompt(
    "first", answer="old", turns=[Turn("second", "older"), Turn("third", output_tokens=7)]
)
PAUSE_NS = 50_000_000


def numbered(seen: list[dict[str, Any]], wait_s: float = 0) -> Script:
    """Answers of one word that says how many requests came; chat requests get chat answers."""

    def script(sock: gevent.socket.socket, served: Served) -> None:
        while read_request(sock, served):
            asked = msgspec.json.decode(served.requests[-1].partition(b"\r\n\r\n")[2])
            seen.append(asked)
            word = f" word{len(seen)}"
            gevent.sleep(wait_s)
            said = token(word)
            if "messages" in asked:
                delta = {"choices": [{"index": 0, "delta": {"content": word}}]}
                said = chunk(b"data: " + msgspec.json.encode(delta) + b"\n\n")
            sock.sendall(STREAM_HEAD + said + FINISH + STREAM_END)

    return script


def by_turn(records: list[Record]) -> list[tuple[int, int]]:
    """(arrival, turn) of each, in that order."""
    return sorted((one.k, one.turn) for one in records)


def test_a_user_asks_all_turns_of_its_conversation_before_the_next() -> None:
    """One record each, numbered from 0, and due when the pause after the answer was over, not sooner."""
    options: dict[str, Any] = {"conversations": "answers", "turn_pause_ns": PAUSE_NS}
    with engine_on(three_tokens, prompts=[TALK], **options) as (engine, records):
        assert engine.ask()
        assert engine.ask()
        engine.drain(5)

    assert [(one.k, one.turn, one.turns) for one in records] == [
        (k, turn, 3) for k in (0, 1) for turn in range(3)
    ]
    assert all(one.ok for one in records)
    for one, following in (*pairwise(records[:3]), *pairwise(records[3:])):
        assert following.due_ns >= one.end_ns + PAUSE_NS
        assert following.sent_ns >= following.due_ns


def test_what_was_said_before_goes_along_as_messages() -> None:
    """With the server's own answers, and the length that the turn asks for."""
    seen: list[dict[str, Any]] = []
    options: dict[str, Any] = {"conversations": "answers", "api": "chat"}
    with engine_on(numbered(seen), prompts=[TALK], **options) as (engine, records):
        engine.ask()
        engine.drain(5)

    said = ["first", " word1", "second", " word2", "third"]
    assert [[one["content"] for one in asked["messages"]] for asked in seen] == [
        said[:1], said[:3], said,
    ]  # fmt: skip
    assert [one["role"] for one in seen[-1]["messages"]] == ["user", "assistant"] * 2 + ["user"]
    assert seen[-1]["max_tokens"] == 7
    assert [one.prompt_chars for one in records] == [len("".join(said[:n])) for n in (1, 3, 5)]


def test_recorded_answers_stand_in_for_those_of_the_server() -> None:
    """Where so many wanted it, the history is the same in every run."""
    seen: list[dict[str, Any]] = []
    options: dict[str, Any] = {"conversations": "recorded", "api": "chat"}
    with engine_on(numbered(seen), prompts=[TALK], **options) as (engine, _):
        engine.ask()
        engine.drain(5)

    contents = [one["content"] for one in seen[-1]["messages"]]
    assert contents == ["first", "old", "second", "older", "third"]


def test_a_route_without_messages_gets_one_text() -> None:
    """It begins with the text and the answer of the turn before."""
    seen: list[dict[str, Any]] = []
    with engine_on(numbered(seen), prompts=[TALK], conversations="answers") as (engine, _):
        engine.ask()
        engine.drain(5)

    assert [asked["prompt"] for asked in seen] == [
        "first",
        "first word1\n\nsecond",
        "first word1\n\nsecond word2\n\nthird",
    ]


def test_only_first_turns_are_asked_unless_more_is_wanted() -> None:
    """The usual mode; nothing then is a conversation."""
    with engine_on(three_tokens, prompts=[TALK]) as (engine, records):
        engine.ask()
        engine.drain(5)

    assert [(one.turn, one.turns) for one in records] == [(0, 0)]


def test_a_conversation_ends_with_a_failed_turn() -> None:
    """Nobody can answer to an answer that did not come; the next conversation begins."""

    def second_fails(sock: gevent.socket.socket, served: Served) -> None:
        while read_request(sock, served):
            if len(served.requests) == 2:
                sock.sendall(plain(b"{}", "503 Service Unavailable"))
            else:
                sock.sendall(STREAM_HEAD + token() + FINISH + STREAM_END)

    for mode in ("answers", "recorded"):
        options: dict[str, Any] = {"prompts": [TALK], "conversations": mode}
        with engine_on(second_fails, **options) as (engine, records):
            assert engine.ask()
            assert engine.ask()
            engine.drain(5)
            summary, _ = engine.take_delta()

        assert by_turn(records) == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
        talks = summary.conversations
        assert (talks.started, talks.complete, talks.failed) == (2, 1, 1)


def test_a_limit_of_requests_counts_conversations_and_lets_them_end() -> None:
    """What was begun is held to its end before the load counts as over."""
    options: dict[str, Any] = {
        "prompts": [TALK],
        "conversations": "answers",
        "turn_pause_ns": PAUSE_NS,
    }
    with engine_on(three_tokens, requests=3, **options) as (engine, records):

        def user() -> None:
            while engine.ask():
                pass

        users = [gevent.spawn(user) for _ in range(2)]
        with gevent.Timeout(20):
            engine.exhausted.wait()
        gevent.joinall(users)
        engine.drain(5)

    assert by_turn(records) == [(k, turn) for k in range(3) for turn in range(3)]


def test_no_turn_begins_after_the_end_of_the_load() -> None:
    """A pause under way ends at once; what was asked may be answered within the grace."""
    seen: list[dict[str, Any]] = []
    options: dict[str, Any] = {
        "prompts": [TALK],
        "conversations": "answers",
        "turn_pause_ns": 60 * S,
    }
    with engine_on(numbered(seen), **options) as (engine, records):
        user = gevent.spawn(engine.ask)
        with gevent.Timeout(10):
            while not records:
                gevent.sleep(0.01)
            engine.drain(5)
            user.join()

    assert by_turn(records) == [(0, 0)]
    assert not engine.in_flight


def test_an_open_loop_starts_conversations_by_its_schedule_whatever_goes_on() -> None:
    """First turns are due by the schedule, the others a pause after their answer."""
    options: dict[str, Any] = {
        "prompts": [TALK],
        "conversations": "recorded",
        "turn_pause_ns": PAUSE_NS,
    }
    with engine_on(three_tokens, requests=10, **options) as (engine, records):
        start_ns = now_ns()
        played(engine, "50/s", 60, start_ns)

    assert by_turn(records) == [(k, turn) for k in range(10) for turn in range(3)]
    found = {(one.k, one.turn): one for one in records}
    for (k, turn), one in found.items():
        due_ns = found[k, turn - 1].end_ns + PAUSE_NS if turn else start_ns + k * S // 50
        assert one.due_ns == due_ns


def test_turns_that_fall_due_after_the_schedule_are_not_begun() -> None:
    """The schedule's end is the load's; a pause beyond it is not waited for."""
    options: dict[str, Any] = {
        "prompts": [TALK],
        "conversations": "recorded",
        "turn_pause_ns": 60 * S,
    }
    with engine_on(three_tokens, **options) as (engine, records):
        played(engine, "50/s", 0.2, now_ns())

    assert by_turn(records) == [(k, 0) for k in range(10)]


def test_turns_wait_for_room_like_arrivals() -> None:
    """With one request at a time, none of a conversation's overlaps another's."""
    seen: list[dict[str, Any]] = []
    options: dict[str, Any] = {"prompts": [TALK], "conversations": "recorded", "requests": 4}
    with engine_on(numbered(seen, 0.02), **options) as (engine, records):
        played(engine, "100/s", 60, now_ns(), most=1)

    ordered = sorted(records, key=lambda one: one.sent_ns)
    assert len(ordered) == 12
    assert all(later.sent_ns >= sooner.end_ns for sooner, later in pairwise(ordered))


def test_a_conversation_goes_on_when_its_stream_is_lent_to_another() -> None:
    """Its turns are no arrivals; they keep the epoch in which it began."""
    streams = Streams(1)
    options: dict[str, Any] = {
        "prompts": [TALK],
        "conversations": "recorded",
        "turn_pause_ns": PAUSE_NS,
    }
    seen: list[dict[str, Any]] = []
    with engine_on(numbered(seen, 0.1), streams, **options) as (engine, records):
        engine.lend(1, [Loan(0, 0, 4)], math.inf)
        user = gevent.spawn(engine.ask)
        with gevent.Timeout(20):
            while not seen:
                gevent.sleep(0.001)
            engine.lend(2, [], time.monotonic_ns())
            user.join()
        engine.drain(5)

    assert [(one.k, one.turn, one.epoch) for one in records] == [(0, turn, 4) for turn in range(3)]


@pytest.mark.parametrize("mode", ["answers", "recorded"])
def test_an_answer_cut_by_the_end_ends_its_conversation(mode: str) -> None:
    """It is recorded once, as cancelled, and nobody waits for its answer any more."""
    with engine_on(silent, prompts=[TALK], conversations=mode) as (engine, records):
        user = gevent.spawn(engine.ask)
        with gevent.Timeout(10):
            while not engine.in_flight:
                gevent.sleep(0.001)
            engine.drain(0)
            user.join()

    assert [(one.outcome, one.turn) for one in records] == [(Outcome.CANCELLED, 0)]
