"""Facts about prompts that are made to measure."""

from pathlib import Path
from typing import Any

import pytest

from inferswarm.config.prompts import PromptOptions
from inferswarm.errors import InputError
from inferswarm.prompts import Prompt, made
from inferswarm.sources.read import load_prompts
from inferswarm.sources.synthetic import Maker, check, maker_of, notes_on
from inferswarm.tokenizer import Tokenizer, load_tokenizer
from tests.sources.trained import KINDS, saved

COUNT = 60


def options(**given: Any) -> PromptOptions:
    """Options of synthetic prompts."""
    return PromptOptions.model_validate({"source": "synthetic", **given})


def made_with(tokenizer: Tokenizer | None, **given: Any) -> tuple[Maker, list[Prompt]]:
    """What makes them, and the first of them."""
    maker = maker_of(options(**given), tokenizer)
    return maker, list(maker.prompts(COUNT))


def wanted(maker: Maker) -> list[int]:
    """The lengths that the prompts should have."""
    return [maker.input_tokens.at(i, "input", 0) for i in range(COUNT)]


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Tokenizer:
    """One tokenizer of each kind."""
    return load_tokenizer(saved(request.param, tmp_path_factory.mktemp("tokenizer")))


def test_texts_encode_to_exactly_their_length(tokenizer: Tokenizer) -> None:
    """Whatever the tokenizer makes of words; and each says how long it is."""
    maker, prompts = made_with(tokenizer, input_tokens="lognormal:120,90")
    assert tokenizer.count([one.text for one in prompts]) == wanted(maker)
    assert [one.input_tokens for one in prompts] == wanted(maker)
    assert len({one.text for one in prompts}) == COUNT
    assert maker.tally.inexact == 0
    assert not list(notes_on(maker, options()))


def test_groups_share_the_tokens_at_their_start(tokenizer: Tokenizer) -> None:
    """Lengths stay exact, and what a group begins with is its own text, as long as it should be."""
    maker, prompts = made_with(
        tokenizer, input_tokens="uniform:70..200", prefix_tokens=64, prefix_groups=3
    )
    assert tokenizer.count([one.text for one in prompts]) == wanted(maker)
    ids = tokenizer.encode([one.text for one in prompts])
    for i in range(COUNT - 3):
        # A tokenizer that merges across the seam may take it into a token of its own.
        assert ids[i][:60] == ids[i + 3][:60]
        assert ids[i][:16] != ids[i + 1][:16]
    assert [one.group for one in prompts[:4]] == ["0", "1", "2", "0"]


def test_token_ids_are_exact_and_ordinary(tokenizer: Tokenizer) -> None:
    """None is special or beyond the vocabulary; there is no text."""
    maker, prompts = made_with(tokenizer, input_tokens="uniform:5..50", token_ids=True)
    assert [len(one.ids) for one in prompts] == wanted(maker)
    used = {one for prompt in prompts for one in prompt.ids}
    assert not used & tokenizer.special_ids
    assert max(used) < tokenizer.vocabulary_size
    assert {one.text for one in prompts} == {""}


def test_an_exact_recipe_makes_exact_prompts_alone(tokenizer: Tokenizer) -> None:
    """Workers make the prompts of a trace with it, and have no tokenizer."""
    maker, _ = made_with(tokenizer)
    if maker.recipe.exact:
        lengths = [1, 2, 17, 300]
        texts = [made(maker.recipe, i, length).text for i, length in enumerate(lengths)]
        assert tokenizer.count(texts) == lengths


def test_without_a_tokenizer_lengths_are_words_and_a_note_says_so() -> None:
    """The prompt claims no length in tokens then."""
    maker, prompts = made_with(None, input_tokens="uniform:3..40")
    assert [len(one.text.split()) for one in prompts] == wanted(maker)
    assert {one.input_tokens for one in prompts} == {None}
    (note,) = notes_on(maker, options(input_tokens="uniform:3..40"))
    assert "60 of uniform:3..40 words" in note


def test_answers_are_asked_lengths_of_their_own() -> None:
    """Drawn apart from those of the prompts; none unless asked for."""
    _, prompts = made_with(None, input_tokens="uniform:1..9", output_tokens="uniform:1..9")
    inputs = [len(one.text.split()) for one in prompts]
    outputs = [one.output_tokens for one in prompts]
    assert inputs != outputs
    assert None not in outputs
    assert {one.output_tokens for one in made_with(None)[1]} == {None}


def test_prompts_follow_from_the_seed() -> None:
    """Also the first of many are the same as the first of few."""
    first = made_with(None)[1]
    assert made_with(None)[1] == first
    assert made_with(None, seed=1)[1] != first
    assert list(maker_of(options(), None).prompts(700))[:COUNT] == first


def test_ids_without_a_tokenizer_are_refused() -> None:
    """Nobody knows which ids there are."""
    with pytest.raises(InputError, match=r"needs prompts\.tokenizer"):
        check(options(token_ids=True))


def test_lengths_are_read_before_anything_is_made() -> None:
    """Of prompts and of answers."""
    for name in ("input_tokens", "output_tokens"):
        with pytest.raises(InputError, match=f"prompts.{name} 'x:1'"):
            check(options(**{name: "x:1"}))


def test_a_salt_leaves_nothing_to_share() -> None:
    """A note says that both together make no sense."""
    asked = options(salt=True, prefix_tokens=9)
    assert any("no effect" in note for note in notes_on(maker_of(asked, None), asked))


def test_a_run_loads_them_like_any_source(tmp_path: Path) -> None:
    """As many as it may use, with the recipe for more; the tokenizer works in a process of its own."""
    name = saved("byte-level BPE", tmp_path)
    heard: list[tuple[object, ...]] = []
    loaded = load_prompts(
        options(tokenizer=name, input_tokens="30", max_prompts=7), lambda *told: heard.append(told)
    )
    assert [one.input_tokens for one in loaded.prompts] == [30] * 7
    assert loaded.recipe is not None
    assert (loaded.notes, heard[-1]) == ((), ("making prompts", 7, 7))


@pytest.mark.parametrize("name", ["token_ids", "output_tokens", "prefix_tokens"])
def test_options_of_synthetic_prompts_are_for_them_alone(name: str) -> None:
    """With a file they would be ignored without a word."""
    with pytest.raises(ValueError, match=f"prompts.{name} is for synthetic prompts"):
        PromptOptions.model_validate({name: 5 if name == "prefix_tokens" else "1"})
