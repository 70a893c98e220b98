"""Facts about tokenizers from a model of sentencepiece."""

from pathlib import Path

import pytest

from inferswarm.tokenizer.sentence_piece import SentencePiece, fits, load
from tests.tokenizer.making import WORDS, declare, sentencepiece_model


@pytest.fixture
def tokenizer(tmp_path: Path) -> SentencePiece:
    """A model of known words."""
    return load("mine", sentencepiece_model(tmp_path / "tokenizer.model"))


def test_known_words_are_counted_one_token_each(tokenizer: SentencePiece) -> None:
    """In a batch, in its order, without a start or an end."""
    assert tokenizer.count([" ".join(WORDS), "bal bal", "nowhere", ""]) == [len(WORDS), 2, 1, 0]


def test_a_text_of_known_words_survives_its_ids(tokenizer: SentencePiece) -> None:
    """As many ids as were counted."""
    texts = ["bal dem", WORDS[-1], ""]
    ids = tokenizer.encode(texts)

    assert list(map(len, ids)) == tokenizer.count(texts)
    assert tokenizer.decode(ids) == texts


def test_special_ids_are_those_of_the_model_and_of_the_declaration(tmp_path: Path) -> None:
    """Control tokens and the unknown one, and what tokenizer_config.json numbers as special."""
    path = sentencepiece_model(tmp_path / "tokenizer.model")
    special = {"content": "x", "special": True}
    declare(tmp_path, added_tokens_decoder={"9": special, "10": {"content": "y", "special": False}})
    tokenizer = load("mine", path)

    assert tokenizer.vocabulary_size == len(WORDS) + 3
    assert tokenizer.special_ids == {0, 1, 2, 9}


def test_the_suffix_tells_the_kind() -> None:
    """The usual one, and that of some models."""
    assert fits(Path("a/tokenizer.model"))
    assert fits(Path("a/mine.spm"))
    assert not fits(Path("a/tokenizer.json"))
