"""Facts about which of many prompts are used."""

from collections import Counter
from collections.abc import Sequence

import pytest

from inferswarm.prompts import Prompt
from inferswarm.sources.choice import BATCH_CHARS, BATCH_PROMPTS, Choice, Wanted, choose

MANY = [Prompt("w " * (n % 10) + f"p{n}") for n in range(5_000)]
"""Of one to ten words."""


def words(texts: Sequence[str]) -> list[int]:
    """A tokenizer whose tokens are words."""
    return [len(text.split()) for text in texts]


def chosen(most: int, seed: int = 0, **more: int) -> Choice:
    """A choice among MANY of three to six words."""
    wanted = Wanted(min_tokens=3, max_tokens=6, most=most, seed=seed)
    return choose(MANY, wanted, words, **more)  # type: ignore[arg-type]  # only check_all_of


def test_only_fitting_lengths_are_used() -> None:
    """Both limits included; the others are counted, and each prompt knows its length and place."""
    choice = chosen(10_000)
    assert (choice.read, choice.short, choice.long, choice.fit) == (5_000, 1_000, 2_000, 2_000)
    assert [one.text for one in choice.prompts] == [
        one.text for one in MANY if 3 <= len(one.text.split()) <= 6
    ]
    assert all(one.input_tokens == len(one.text.split()) for one in choice.prompts)
    assert [one.index for one in choice.prompts] == list(range(2_000))


def test_a_sample_follows_from_the_seed_and_keeps_the_order() -> None:
    """The same again, another with another seed; of those that fit, in the order of the source."""
    first = [one.text for one in chosen(100).prompts]
    assert first == [one.text for one in chosen(100).prompts]
    assert first != [one.text for one in chosen(100, seed=1).prompts]
    fitting = [one.text for one in chosen(10_000).prompts]
    assert first == [text for text in fitting if text in set(first)]
    assert len(first) == 100


def test_the_choice_is_pinned() -> None:
    """Runs of different versions with one seed ask the same prompts."""
    assert [one.text.split()[-1] for one in chosen(5).prompts] == PINNED


def test_every_fitting_prompt_has_the_same_chance() -> None:
    """Over many seeds each of thirty is kept about as often, also first and last."""
    some = [Prompt(f"a b c {n}") for n in range(30)]
    kept: Counter[str] = Counter()
    for seed in range(2_000):
        choice = choose(some, Wanted(1, 9, 10, seed), words)
        kept.update(one.text for one in choice.prompts)
    assert len(kept) == 30
    assert all(570 < count < 765 for count in kept.values())


@pytest.mark.parametrize("check_all_of", [0, 1, 700, 4_999])
def test_a_long_source_is_checked_in_part_for_the_same_choice(check_all_of: int) -> None:
    """After so many prompts only those are counted that could be kept: far fewer, the same result."""
    whole, part = chosen(20, seed=3), chosen(20, seed=3, check_all_of=check_all_of)
    assert part.prompts == whole.prompts
    assert part.read == whole.read == whole.checked
    assert part.checked < whole.checked
    assert check_all_of > 1_000 or part.checked < 2_500


def test_without_a_tokenizer_lengths_are_not_checked() -> None:
    """All fit but those whose own row tells their length; that is counted."""
    told = [
        Prompt("a", input_tokens=9),
        Prompt("b", input_tokens=3),
        Prompt("c"),
        Prompt(ids=[1] * 4),
    ]
    choice = choose(told, Wanted(3, 6, 10, 0), None)
    assert [(one.text, one.input_tokens) for one in choice.prompts] == [
        ("b", 3),
        ("c", None),
        ("", 4),
    ]
    assert (choice.read, choice.long, choice.unknown) == (4, 1, 1)


def test_a_tokenizer_is_believed_before_a_row() -> None:
    """Its count is that of the model under test; ids are counted as they are."""
    told = [Prompt("a b c", input_tokens=999), Prompt("x", ids=[1, 2, 3, 4])]
    choice = choose(told, Wanted(3, 6, 10, 0), words)
    assert [one.input_tokens for one in choice.prompts] == [3, 4]


def test_batches_are_bounded_in_number_and_size() -> None:
    """A tokenizer is asked for neither too many texts nor too long ones at once."""
    asked: list[list[int]] = []

    def count(texts: Sequence[str]) -> list[int]:
        asked.append([len(text) for text in texts])
        return [5] * len(texts)

    long = [Prompt("x" * (BATCH_CHARS // 3))] * 9
    choose([*[Prompt("x")] * 2_500, *long], Wanted(1, 9, 10, 0), count)
    assert max(map(len, asked)) == BATCH_PROMPTS
    assert max(map(sum, asked)) < 2 * BATCH_CHARS
    assert sum(map(len, asked)) == 2_509


def test_how_far_it_is_is_told() -> None:
    """Now and then, by the number read."""
    seen: list[int] = []
    choose(MANY, Wanted(1, 9, 10, 0), None, seen.append)
    assert seen == [1_000, 2_000, 3_000, 4_000, 5_000]


PINNED = ["p215", "p1135", "p1254", "p2194", "p4253"]
