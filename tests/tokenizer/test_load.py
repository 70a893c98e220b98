"""Facts about which tokenizer a name means, and what is said when it cannot be loaded."""

from pathlib import Path

import pytest

from inferswarm.errors import InputError
from inferswarm.tokenizer import load_tokenizer
from tests.tokenizer.making import (
    byte_tokenizer,
    ranks_file,
    sentencepiece_model,
    word_tokenizer,
)

MADE = {
    "tokenizer.json": word_tokenizer,
    "mine.json": word_tokenizer,
    "tokenizer.model": sentencepiece_model,
    "spiece.model": sentencepiece_model,
    "mine.spm": sentencepiece_model,
    "mine.tiktoken": ranks_file,
    "tiktoken.model": ranks_file,
}


@pytest.mark.parametrize("file", MADE)
def test_a_file_is_loaded_by_its_library(tmp_path: Path, file: str) -> None:
    """And is called as it was asked for."""
    path = MADE[file](tmp_path / file)
    tokenizer = load_tokenizer(str(path))

    assert tokenizer.name == str(path)
    assert tokenizer.count(["bal dem"]) == ([7] if MADE[file] is ranks_file else [2])


@pytest.mark.parametrize("file", set(MADE) - {"mine.json"})
def test_a_folder_is_that_of_the_file_in_it(tmp_path: Path, file: str) -> None:
    """Whatever its usual name."""
    MADE[file](tmp_path / file)

    assert load_tokenizer(str(tmp_path)).count(["bal"]) == [3 if MADE[file] is ranks_file else 1]


def test_of_several_files_the_fast_one_is_taken(tmp_path: Path) -> None:
    """tokenizer.json goes before the model that it was made from."""
    sentencepiece_model(tmp_path / "tokenizer.model")
    byte_tokenizer(tmp_path / "tokenizer.json")

    assert load_tokenizer(str(tmp_path)).count(["bal"]) == [3]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("{}/nowhere", "no such file or folder"),
        ("./nowhere", "no such file or folder"),
        ("nowhere/tokenizer.json", "no such file or folder"),
        ("gs://bucket/tokenizer", "give a local copy"),
        ("{}", "the folder has none of tokenizer.json, "),
        ("{}/other.txt", "other.txt is none of .json"),
        ("{}/broken.json", r"broken.json is no tokenizer.json of Hugging Face's tokenizers: "),
        ("{}/broken.model", "broken.model is no model of sentencepiece: "),
        ("{}/broken.tiktoken", "broken.tiktoken is no file of tiktoken's ranks: "),
        ("{}/folder.json", "folder has none of"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(tmp_path: Path, name: str, why: str) -> None:
    """With the name as it was given, and what is wrong."""
    for file in ("other.txt", "broken.json", "broken.model", "broken.tiktoken"):
        (tmp_path / file).write_text("nothing of any kind\n")
    (tmp_path / "folder.json").mkdir()
    if name == "{}":
        tmp_path = tmp_path / "empty"
        tmp_path.mkdir()
    given = name.format(tmp_path)

    with pytest.raises(InputError, match=f"^tokenizer {given}: .*{why}") as raised:
        load_tokenizer(given)
    assert "\n" not in str(raised.value)
