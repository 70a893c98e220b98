"""Turns of a conversation: what each asks, with what was said before, as messages or as one text."""

import pytest

from inferswarm.prompts import Message, Prompt, Turn
from inferswarm.prompts.conversation import (
    Conversation,
    as_messages,
    as_text,
    characters,
    flattened,
    note,
    prompt_of_turn,
    recorded_answers,
    why_not,
)

SYSTEM = Message("system", "Be brief.")
TALK = Prompt(
    "Where?",
    index=7,
    output_tokens=5,
    input_tokens=2,
    group="g",
    history=[SYSTEM],
    answer="Here.",
    turns=[Turn("Since when?", "Monday."), Turn("Why?", "Rain.", output_tokens=9)],
)


def test_the_first_turn_is_the_prompt_itself() -> None:
    """It keeps its own history and lengths; what comes later is no part of it."""
    first = prompt_of_turn(TALK, 0, [])

    assert (first.text, first.index, first.output_tokens, first.group) == ("Where?", 7, 5, "g")
    assert first.history == [SYSTEM]
    assert (first.turns, first.answer) == ([], "")


def test_a_later_turn_repeats_all_that_was_said() -> None:
    """User and assistant in turn, with the answers given, after the prompt's own history."""
    third = prompt_of_turn(TALK, 2, ["There.", "Sunday."])

    assert third.history == [
        SYSTEM,
        Message("user", "Where?"),
        Message("assistant", "There."),
        Message("user", "Since when?"),
        Message("assistant", "Sunday."),
    ]
    assert (third.text, third.index, third.output_tokens) == ("Why?", 7, 9)
    assert third.input_tokens is None


def test_a_turn_needs_the_answers_to_all_before_it() -> None:
    """One too few would shift what was said; and there is no turn after the last."""
    with pytest.raises(ValueError, match="shorter"):
        prompt_of_turn(TALK, 2, ["There."])
    with pytest.raises(IndexError):
        prompt_of_turn(TALK, 3, ["a", "b", "c"])


def test_a_conversation_grows_by_the_answers_of_the_server() -> None:
    """Mode `answers`: each turn repeats what the server said, and needs it."""
    talk = Conversation(TALK, "answers")
    seen = []
    for answer in ("one", "two", "three"):
        assert talk.turns == 3
        seen.append((talk.turn, talk.goes_on, talk.needs_answers, talk.asks().text))
        talk = talk.answered(answer)

    assert seen == [
        (0, True, True, "Where?"),
        (1, True, True, "Since when?"),
        (2, False, False, "Why?"),
    ]
    assert talk.answers == ("one", "two", "three")


def test_a_conversation_grows_by_the_recorded_answers() -> None:
    """Mode `recorded`: whatever the server said is not repeated."""
    talk = Conversation(TALK, "recorded").answered("something else").answered("and more")

    assert talk.answers == ("Here.", "Monday.") == recorded_answers(TALK)[:2]
    assert not Conversation(TALK, "recorded").needs_answers


def test_only_the_first_turn_is_asked_where_nothing_else_is_wanted() -> None:
    """Mode `first`, the usual one."""
    talk = Conversation(TALK)

    assert (talk.turns, talk.goes_on) == (1, False)
    assert talk.asks().text == "Where?"


def test_messages_end_with_what_the_user_says_now() -> None:
    """A chat route is sent the history, then the prompt."""
    assert as_messages(prompt_of_turn(TALK, 1, ["There."])) == [
        SYSTEM,
        Message("user", "Where?"),
        Message("assistant", "There."),
        Message("user", "Since when?"),
    ]
    assert as_messages(Prompt("Hi")) == [Message("user", "Hi")]


def test_one_text_stands_for_a_history_where_there_are_no_messages() -> None:
    """Answers follow on a line of their own, or as they came when white space leads them."""
    assert as_text(Prompt("Hi")) == "Hi"
    assert as_text(prompt_of_turn(TALK, 1, ["There."])) == (
        "Be brief.\n\nWhere?\nThere.\n\nSince when?"
    )
    assert as_text(prompt_of_turn(TALK, 1, [" in there"])) == (
        "Be brief.\n\nWhere? in there\n\nSince when?"
    )


def test_the_text_of_a_turn_begins_with_that_of_the_turn_before_and_its_answer() -> None:
    """So a server finds in its prefix cache what it has read and written."""
    answers = [" yes", "\nno"]
    before = as_text(prompt_of_turn(TALK, 1, answers[:1]))

    assert as_text(prompt_of_turn(TALK, 2, answers)).startswith(before + answers[1])


def test_a_flattened_prompt_has_no_history_and_no_count_of_its_own() -> None:
    """Its length is that of the whole text, which nobody counted; token ids would leave it out."""
    turn = Prompt("Now?", ids=[1, 2], input_tokens=2, history=[SYSTEM])
    flat = flattened(turn)

    assert (flat.text, flat.history, flat.ids, flat.input_tokens) == (
        "Be brief.\n\nNow?",
        [],
        [],
        None,
    )
    plain = Prompt("Hi", ids=[3], input_tokens=1)
    assert flattened(plain) is plain


def test_characters_count_the_history_too() -> None:
    """They say how long what is sent is."""
    assert characters(prompt_of_turn(TALK, 1, ["There."])) == len(
        "Be brief.Where?There.Since when?"
    )


@pytest.mark.parametrize(
    ("prompt", "mode", "said"),
    [
        (TALK, "recorded", ""),
        (TALK, "answers", ""),
        (Prompt("a", 3, turns=[Turn("b")]), "first", ""),
        (Prompt("a", 3, turns=[Turn("b")]), "answers", ""),
        (Prompt("a", 3, turns=[Turn("b")]), "recorded", "prompt 3 has a turn after an answer that"),
        (Prompt("a", 3, answer="x", turns=[Turn("b")]), "recorded", ""),
        (
            Prompt(ids=[1], index=4, turns=[Turn("b")]),
            "answers",
            "prompt 4 has several turns and o",
        ),
        (Prompt(ids=[1], index=4), "answers", ""),
    ],
)
def test_what_cannot_be_asked_is_said_before_the_load(prompt: Prompt, mode: str, said: str) -> None:
    """An answer that was not recorded cannot be repeated, nor can token ids."""
    found = why_not([prompt], mode)  # type: ignore[arg-type]

    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_a_note_says_which_turns_are_asked() -> None:
    """Turns that are left out, or asked for in vain, are no secret."""
    prompts = [TALK, Prompt("Hi")]

    assert note([Prompt("Hi")], "first") == ""
    assert "1 of 2 have further turns, which are not asked" in note(prompts, "first")
    assert "the server's own answers" in note(prompts, "answers")
    assert "the recorded answers" in note(prompts, "recorded")
    assert "none has further turns" in note([Prompt("Hi")], "answers")
