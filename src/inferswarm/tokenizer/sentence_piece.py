"""`tokenizer.model`, by the library `sentencepiece`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inferswarm.extras import need
from inferswarm.tokenizer.declared import declared


def fits(path: Path) -> bool:
    """Whether a file is of this kind; others of the suffix `.model` are asked first."""
    return path.suffix in (".model", ".spm")


class SentencePiece:
    """A model of that library."""

    def __init__(self, name: str, model: Any, special: frozenset[int] = frozenset()) -> None:
        """`special` are ids of special tokens that the model itself may not declare so."""
        self.name = name
        self._model = model
        self.vocabulary_size: int = model.get_piece_size()
        no_text = (
            number
            for number in range(self.vocabulary_size)
            if model.is_control(number) or model.is_unknown(number) or model.is_unused(number)
        )
        self.special_ids = frozenset({*no_text, *special})

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has."""
        return list(map(len, self.encode(texts)))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text's tokens."""
        found: list[list[int]] = self._model.encode(list(texts), out_type=int, num_threads=-1)
        return found

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The text of each list of ids; control tokens have none."""
        found: list[str] = self._model.decode([list(one) for one in ids])
        return found


def load(name: str, path: Path) -> SentencePiece:
    """The model of a file; raises InputError without the library, whatever that raises else."""
    library = need("sentencepiece", "tokenizers", f"tokenizer {name}")
    model = library.SentencePieceProcessor(model_file=str(path))
    return SentencePiece(name, model, frozenset(declared(path.parent).ids.values()))
