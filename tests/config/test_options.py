"""Facts about how options are declared."""

import pytest
from pydantic import ValidationError

from inferswarm.config.options import Section, option
from inferswarm.config.sources import Option, options_of


class Tiny(Section):
    """A section of one option of each kind."""

    size: int = option(3, "How large it is.", flag="--size", unit="MB", ge=1, le=9)
    word: str = option("", "What is whispered.", secret=True)


def test_a_declaration_holds_everything_about_an_option() -> None:
    """Flag, unit, sentence, secrecy and bounds are read from the one declaration."""
    size, word = options_of(Tiny, "tiny.")
    assert (size.key, size.flag, size.unit, size.secret) == ("tiny.size", "--size", "MB", False)
    assert (size.sentence, size.environment) == ("How large it is.", "INFERSWARM_TINY_SIZE")
    assert size.allowed == "a whole number of at least 1 and at most 9"
    assert (word.flag, word.unit, word.secret, word.allowed) == (None, "", True, "text")
    assert isinstance(word, Option)


def test_sections_are_frozen_and_closed() -> None:
    """A resolved configuration never changes, and has no names of its own making."""
    tiny = Tiny(size=4)
    with pytest.raises(ValidationError):
        tiny.size = 5
    with pytest.raises(ValidationError):
        Tiny.model_validate({"sise": 4})
    assert Tiny().size == 3
