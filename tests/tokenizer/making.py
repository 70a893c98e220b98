"""Tokenizers made on the spot, by the libraries' own means, whose counts are known."""

import base64
import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import sentencepiece
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

WORDS = tuple("".join(letters) for letters in itertools.product("bdgk", "aeiou", "lmn"))
"""Words of three letters, none of which is part of another."""
SPECIAL = "<end>"


def word_tokenizer(path: Path, words: Iterable[str] = WORDS) -> Path:
    """A tokenizer.json: one token for each of these words, one for each character of any other."""
    tokenizer = Tokenizer(models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=10_000,
        special_tokens=["?", SPECIAL],
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz"),
        show_progress=False,
    )
    tokenizer.train_from_iterator(list(words), trainer)
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return path


def byte_tokenizer(path: Path, *, length: int = 0) -> Path:
    """A tokenizer.json of single bytes, which can say any text; `length` cuts and fills texts to it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=257,
        special_tokens=[SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([], trainer)
    if length:
        tokenizer.enable_truncation(length)
        tokenizer.enable_padding(length=length)
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return path


def sentencepiece_model(path: Path) -> Path:
    """A tokenizer.model with one token for each word of `WORDS`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(WORDS * 20),
            model_writer=file,
            model_type="word",
            vocab_size=len(WORDS) + 3,
            minloglevel=3,
        )
    return path


def ranks_file(path: Path, *merged: bytes) -> Path:
    """A file of ranks: the 256 bytes, then these."""
    tokens = [bytes([value]) for value in range(256)] + list(merged)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"".join(b"%s %d\n" % (base64.b64encode(one), rank) for rank, one in enumerate(tokens))
    )
    return path


def declare(folder: Path, **said: object) -> None:
    """Write the folder's tokenizer_config.json."""
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
