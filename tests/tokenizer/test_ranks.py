"""Facts about encodings of tiktoken."""

from pathlib import Path

import pytest

from inferswarm.errors import InputError
from inferswarm.tokenizer.ranks import fits, load, load_named
from tests.tokenizer.making import declare, ranks_file, sentencepiece_model

MERGED = (b"he", b"ll", b"hell", b" w")


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base", "of_my_own"])
def test_merges_of_a_file_are_counted(tmp_path: Path, name: str) -> None:
    """`hell`, `o`, ` w` and the four letters after it; numbers are merged by no rank here."""
    tokenizer = load(name, ranks_file(tmp_path / f"{name}.tiktoken", *MERGED))

    assert tokenizer.count(["hello world", "12345", ""]) == [7, 5, 0]
    assert tokenizer.vocabulary_size == 256 + len(MERGED)


def test_words_are_cut_as_by_the_encoding_of_the_name(tmp_path: Path) -> None:
    """Only one of them ends a word before a capital letter, and keeps an apostrophe's ending on it."""
    merged = (b"aB", b"a'", b"a's")
    counts = [
        load(name, ranks_file(tmp_path / f"{name}.tiktoken", *merged)).count(["aB", "a's"])
        for name in ("cl100k_base", "o200k_base", "of_my_own")
    ]

    assert counts == [[1, 3], [2, 1], [1, 3]]


def test_a_text_survives_its_ids(tmp_path: Path) -> None:
    """What looks like a special token is text."""
    folder = tmp_path / "model"
    path = ranks_file(folder / "tokenizer.model", *MERGED)
    declare(folder, added_tokens_decoder={"300": {"content": "<|end|>", "special": True}})
    tokenizer = load("mine", path)
    texts = ["héllo  wörld\n", "", "<|end|>"]

    assert tokenizer.decode(tokenizer.encode(texts)) == texts
    assert tokenizer.count(["<|end|>"]) == [7]
    assert tokenizer.vocabulary_size == 301
    assert tokenizer.special_ids == set(range(260, 301))


def test_ranks_are_known_by_their_first_line(tmp_path: Path) -> None:
    """A tokenizer.model may be either kind's."""
    assert fits(ranks_file(tmp_path / "tokenizer.model"))
    assert not fits(sentencepiece_model(tmp_path / "other.model"))


def test_an_unknown_name_is_refused_with_those_known() -> None:
    """Before anything is fetched."""
    with pytest.raises(InputError, match=r"tiktoken:nope: no such encoding; known: .*cl100k_base"):
        load_named("tiktoken:nope")


def test_what_cannot_be_fetched_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that nobody listens at stands for a network that is away."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))

    with pytest.raises(InputError, match=r"p50k_base: could not be fetched: .*TIKTOKEN_CACHE_DIR"):
        load_named("tiktoken:p50k_base")
