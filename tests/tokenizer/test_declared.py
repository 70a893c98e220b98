"""Facts about what tokenizer_config.json declares."""

from pathlib import Path

import pytest

from inferswarm.errors import InputError
from inferswarm.tokenizer.declared import declared
from tests.tokenizer.making import declare


def test_special_tokens_are_texts_objects_or_numbered(tmp_path: Path) -> None:
    """All three forms that models use; what is not special, null or unknown is left out."""
    declare(
        tmp_path,
        bos_token="<s>",
        eos_token={"content": "</s>"},
        pad_token=None,
        model_max_length=7,
        additional_special_tokens=["<tool>"],
        added_tokens_decoder={
            "3": {"content": "<x>", "special": True},
            "4": {"content": "<y>", "special": False},
        },
    )
    found = declared(tmp_path)

    assert found.texts == {"<s>", "</s>", "<tool>", "<x>"}
    assert found.ids == {"<x>": 3}


def test_without_the_file_nothing_is_declared(tmp_path: Path) -> None:
    """Many tokenizers have none."""
    assert declared(tmp_path).texts == frozenset()


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / "tokenizer_config.json").write_bytes(b"{")

    with pytest.raises(InputError, match=r"tokenizer_config.json: cannot be read: .*take it away"):
        declared(tmp_path)
