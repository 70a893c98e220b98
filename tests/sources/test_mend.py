"""Facts about texts that are mended until they have their length."""

from collections.abc import Sequence

from inferswarm.prompts.recipe import Recipe
from inferswarm.sources.mend import Draft, mended

RECIPE = Recipe(seed=1, pieces=["rhinoceros", "hippopotamus", "crocodile", "gnu"], exact=False)


def triples(texts: Sequence[str]) -> list[int]:
    """A tokenizer of three characters a token, whatever they are."""
    return [-(-len(text) // 3) for text in texts]


def drafts(*wanted: int, start: str = "") -> list[Draft]:
    """Texts of so many words, which are more tokens than that."""
    return [
        Draft(i, tokens, start, RECIPE.drawn_pieces(i, tokens)) for i, tokens in enumerate(wanted)
    ]


def test_a_text_is_mended_to_its_length() -> None:
    """From far too long to exactly right, whatever a word costs."""
    texts = mended(drafts(5, 50, 111), RECIPE, triples)
    assert [text.tokens for text in texts] == [5, 50, 111]
    assert triples([text.text for text in texts]) == [5, 50, 111]


def test_the_start_stays() -> None:
    """It is another's."""
    (text,) = mended(drafts(40, start="keep this"), RECIPE, triples)
    assert text.text.startswith("keep this ")
    assert text.tokens == 40


def test_what_cannot_be_is_as_near_as_can_be() -> None:
    """A tokenizer that counts in tens has no text of 25."""
    (text,) = mended(drafts(25), RECIPE, lambda texts: [len(one.split()) * 10 for one in texts])
    assert text.tokens in (20, 30)


def test_a_text_that_fits_is_counted_once() -> None:
    """Tokenizers are not free."""
    calls: list[int] = []

    def words(texts: Sequence[str]) -> list[int]:
        calls.append(len(texts))
        return [len(text.split()) for text in texts]

    mended(drafts(5, 6), RECIPE, words)
    assert calls == [2]
