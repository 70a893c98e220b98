"""Facts about prompts from conversations."""

from pathlib import Path
from typing import Any

import pytest

from inferswarm.prompts import Prompt, Turn
from inferswarm.sources.opening import opened
from inferswarm.sources.sharegpt import Sorted, prompts_of
from inferswarm.sources.tally import Tally
from tests.sources.sharegpt_file import Made, conversations, write


def taken(*talks: Any, turns: bool = False) -> tuple[list[Prompt], Sorted, Tally]:
    """The prompts of conversations, given as rows or as lists of (who, what)."""
    tally, seen = Tally("x"), Sorted()
    rows = [talk if isinstance(talk, dict | str) else row(*talk) for talk in talks]
    placed = ((f"row {n}", one) for n, one in enumerate(rows, 1))
    return list(prompts_of(placed, tally, seen, turns=turns)), seen, tally


def row(*said: tuple[str, str]) -> dict[str, Any]:
    """A conversation in ShareGPT's form."""
    return {"conversations": [{"from": who, "value": what} for who, what in said]}


def test_the_first_human_turn_is_the_prompt() -> None:
    """System turns are skipped, empty ones dropped, and what an assistant says first too."""
    prompts, seen, _ = taken(
        [("human", " hi\nyou "), ("gpt", "hello"), ("human", "more")],
        [("system", "be kind"), ("user", "two"), ("assistant", "yes")],
        [("human", ""), ("gpt", " \n"), ("human", "three"), ("bing", "yes")],
        [("gpt", "hello, I am"), ("human", "four"), ("gpt", "yes")],
    )
    assert [one.text for one in prompts] == ["hi\nyou", "two", "three", "four"]
    assert seen == Sorted(4)
    assert {one.answer for one in prompts} == {""}


def test_fewer_than_two_turns_are_no_conversation() -> None:
    """Counted after system and empty turns are gone; nor is one without a human."""
    prompts, seen, tally = taken(
        [("human", "alone")],
        [("system", "be kind"), ("human", "alone")],
        [("human", "alone"), ("gpt", "")],
        [],
        [("gpt", "one"), ("bing", "two")],
    )
    assert prompts == []
    assert (seen.read, tally.bad) == (5, 0)
    assert seen.told == "4 with fewer than two turns, 1 with no turn of a human"


TALK = row(("human", "a"), ("gpt", "b"))["conversations"]


@pytest.mark.parametrize(
    "talk",
    [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        {"conversation": [{"speaker": "HUMAN", "text": "a"}, {"speaker": "Bard", "text": "b"}]},
        {"items": [{"from": " human ", "value": "a"}, {"from": "chatgpt", "value": "b"}], "id": 3},
        {"conversations": [{"value": "?"}, 7, {"from": "human"}, *TALK]},
    ],
)  # fmt: skip
def test_names_differ_from_file_to_file(talk: dict[str, Any]) -> None:
    """Of the list, of who speaks and of what is said; turns that lack one are dropped."""
    assert taken(talk)[0] == [Prompt("a")]


def test_rows_without_a_conversation_are_told() -> None:
    """They count as bad rows, with what they have instead."""
    _, seen, tally = taken({"id": 1, "text": "a"}, {"conversations": "none"}, "a line", {})
    assert (seen.read, tally.bad) == (0, 4)
    assert tally.first_bad[0] == "row 1: no `conversations`; it has id, text"
    assert "inferswarm prompts import" in tally.first_bad[2]


def test_whole_conversations_keep_the_answers() -> None:
    """What one says in several turns is one; a last turn may be without an answer."""
    said = [
        ("gpt", "0"),
        ("human", "1"),
        ("gpt", "2"),
        ("gpt", "3"),
        ("human", "4"),
        ("human", "5"),
    ]
    assert taken(said, turns=True)[0] == [Prompt("1", answer="2\n\n3", turns=[Turn("4\n\n5")])]
    assert taken([("human", "1"), ("gpt", "2")], turns=True)[0] == [Prompt("1", answer="2")]


def test_a_file_with_the_quirks_of_real_ones_gives_the_prompts_it_should(tmp_path: Path) -> None:
    """One JSON array, read as a stream: each prompt in order, each bad row counted."""
    made = write(tmp_path / "talks.json", 2_000)
    tally, seen = Tally("x"), Sorted()
    with opened(str(tmp_path / "talks.json"), tally) as source:
        found = [one.text for one in prompts_of(source.rows, tally, seen)]
    assert found == [one.prompt.strip() for one in made if one.prompt is not None]
    assert tally.bad == sum(not one.readable for one in made) > 10
    assert seen.read == sum(one.readable for one in made)
    assert seen.told.count("with") == 2


def test_the_made_file_has_the_quirks() -> None:
    """Duplicates, long ones, other scripts, markup, all spellings of who speaks."""
    made: list[Made] = list(conversations(3_000))
    prompts = [one.prompt for one in made if one.prompt]
    assert len(set(prompts)) < len(prompts) - 50
    assert max(map(len, prompts)) > 20_000
    speakers = {turn.get("from") for one in made for turn in one.row.get("conversations", [])}
    assert {"human", "user", "gpt", "assistant", "bing", "system", None} <= speakers
    whole = "".join(prompts)
    assert all(part in whole for part in ("日本語", "🙂", "<pre>", "\r\n", "\\"))
