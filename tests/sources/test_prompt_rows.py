"""Facts about the prompts in rows."""

import pytest

from inferswarm.prompts import Message, Prompt, Turn
from inferswarm.sources.prompt_rows import prompt_of
from tests.sources.files import prompts, texts


def test_a_line_is_a_prompt() -> None:
    """As it stands."""
    assert prompt_of("say this", "any") == Prompt("say this")


def test_our_own_rows_tell_all_that_is_known() -> None:
    """Tokens, lengths, group, what was said before and what is said after; their place is not taken."""
    content = (
        b'{"prompt": "hi", "input_tokens": 1, "output_tokens": 9, "group": "g", '
        b'"history": [{"role": "system", "content": "be kind"}], "answer": "ho", '
        b'"turns": [{"say": "more", "answer": "no"}], "source": "elsewhere"}\n'
        b'{"ids": [1, 2, 3]}\n'
    )
    found, tally = prompts("x.jsonl", content)
    assert found == [
        Prompt(
            "hi",
            input_tokens=1,
            output_tokens=9,
            group="g",
            history=[Message("system", "be kind")],
            answer="ho",
            turns=[Turn("more", "no")],
        ),
        Prompt(ids=[1, 2, 3]),
    ]
    assert (tally.good, tally.bad) == (2, 0)


def test_other_peoples_columns_may_mean_something_else() -> None:
    """Then the text alone is taken."""
    content = (
        b'{"prompt": "hi", "turns": 3, "answer": {"text": "ho"}}\n{"prompt": "a", "group": null}\n'
    )
    assert prompts("x.jsonl", content)[0] == [Prompt("hi"), Prompt("a")]


def test_a_table_can_tell_lengths() -> None:
    """Numbers in a CSV file are numbers."""
    content = b"prompt,output_tokens,group\nhi,12,\n"
    assert prompts("x.csv", content)[0] == [Prompt("hi", output_tokens=12)]


def test_any_column_can_hold_the_prompt() -> None:
    """Line ends and outer spaces are part of it."""
    assert texts("x.jsonl", b'{"q": " a\\nb ", "prompt": "no"}\n', "q") == [" a\nb "]
    assert texts("x.csv", b"id,q\n1,one\n2,two\n", "q") == ["one", "two"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"prompt": "  "}, "`prompt` is empty"),
        ({"prompt": None}, "`prompt` holds nothing"),
        ({"prompt": ["a"]}, "`prompt` holds a list, not a text"),
        ({"question": "a", "id": 1}, "no column `prompt`; it has question, id; name one of them"),
        (
            {"promt": "a"},
            "it has promt; did you mean promt? (--column NAME, or for a run --set pro",
        ),
        ({"conversations": []}, "`inferswarm prompts sharegpt` takes prompts from conversations"),
        ({}, "no column `prompt`; it has none"),
    ],
)
def test_a_row_without_a_prompt_says_why(row: dict[str, object], why: str) -> None:
    """And what it has instead."""
    found = prompt_of(row, "prompt")
    assert isinstance(found, str)
    assert why in found
