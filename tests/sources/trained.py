"""Tokenizers of several kinds, trained on a little language of their own."""

from collections.abc import Callable
from pathlib import Path
from random import Random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

_SYLLABLES = (
    "ka",
    "lo",
    "mi",
    "ter",
    "an",
    "gra",
    "pho",
    "ne",
    "si",
    "bu",
    "ren",
    "tal",
    "o",
    "wex",
)


def corpus() -> list[str]:
    """Lines of words of which some are frequent, the same each time."""
    chance = Random(1)
    words = ["".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(1_500)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return [" ".join(chance.choices(words, weights, k=40)) for _ in range(1_000)]


def _byte_level(size: int) -> Tokenizer:
    """As GPT-2 and Llama 3 have it: bytes, a word's space before it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=["<s>"],
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    return made


def _word_piece(size: int) -> Tokenizer:
    """As BERT has it: words and their parts, spaces lost."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.decoder = decoders.WordPiece()
    made.train_from_iterator(
        corpus(),
        trainers.WordPieceTrainer(vocab_size=size, special_tokens=["[UNK]"], show_progress=False),
    )
    return made


def _unigram(size: int) -> Tokenizer:
    """As T5 and Gemma have it: the likeliest pieces, a mark for a space."""
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.train_from_iterator(
        corpus(),
        trainers.UnigramTrainer(
            vocab_size=size, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
        ),
    )
    return made


def _merging(size: int) -> Tokenizer:
    """Merges over words and spaces alike, so that no piece of a text is sure of its tokens."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(vocab_size=size, special_tokens=["<unk>"], show_progress=False),
    )
    return made


KINDS: dict[str, Callable[[], Tokenizer]] = {
    "byte-level BPE": lambda: _byte_level(1_500),
    "few byte-level merges": lambda: _byte_level(400),
    "WordPiece": lambda: _word_piece(1_000),
    "WordPiece of letters": lambda: _word_piece(60),
    "Unigram": lambda: _unigram(800),
    "merges across spaces": lambda: _merging(60),
}


def saved(kind: str, folder: Path) -> str:
    """The path of such a tokenizer's file."""
    path = folder / "tokenizer.json"
    KINDS[kind]().save(str(path))
    return str(path)
