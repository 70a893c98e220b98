"""`tokenizer.json`, by the library `tokenizers`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inferswarm.extras import need
from inferswarm.tokenizer.declared import declared


def fits(path: Path) -> bool:
    """Whether a file is of this kind."""
    return path.suffix == ".json"


class HuggingFace:
    """A tokenizer of that library."""

    def __init__(self, name: str, tokenizer: Any, special: frozenset[str] = frozenset()) -> None:
        """`special` are texts of special tokens that the tokenizer itself may not declare so."""
        # A file may say that texts are cut or filled up to some length: then counts are of that length.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.name = name
        self._tokenizer = tokenizer
        self._encode = getattr(tokenizer, "encode_batch_fast", tokenizer.encode_batch)
        known = set(tokenizer.get_vocab(with_added_tokens=True).values())
        self.vocabulary_size = max(known, default=-1) + 1
        added = tokenizer.get_added_tokens_decoder().items()
        named = {tokenizer.token_to_id(text) for text in special} - {None}
        no_text = {number for number, token in added if token.special} | named
        self.special_ids = frozenset(no_text | (set(range(self.vocabulary_size)) - known))

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has."""
        return [len(one) for one in self._encode(list(texts), add_special_tokens=False)]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text's tokens."""
        return [one.ids for one in self._encode(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The text of each list of ids."""
        found: list[str] = self._tokenizer.decode_batch(
            [list(one) for one in ids], skip_special_tokens=False
        )
        return found


def load(name: str, path: Path) -> HuggingFace:
    """The tokenizer of a file; raises InputError without the library, whatever that raises else."""
    library = need("tokenizers", "tokenizers", f"tokenizer {name}")
    return HuggingFace(name, library.Tokenizer.from_file(str(path)), declared(path.parent).texts)
