"""Encodings of the library `tiktoken`, by name or from a file of ranks.

Such a file has one token a line, in base64, and its rank. How text is cut into words before is not in
it: that is known for files with the name of a public encoding, others are cut as by `cl100k_base`.
"""

import base64
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inferswarm.errors import InputError
from inferswarm.extras import need
from inferswarm.tokenizer.declared import declared

SCHEME = "tiktoken:"
_LINE = re.compile(rb"[A-Za-z0-9+/]+=* \d+\s*$")
_ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
_BEFORE = r"[^\r\n\p{L}\p{N}]?"
_SPACES = (r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+")
_DIGITS = r"\p{N}{1,3}"
_WORDS = {
    "cl100k_base": "|".join(
        (_ENDING, _BEFORE + r"\p{L}+", _DIGITS, r" ?[^\s\p{L}\p{N}]+[\r\n]*", *_SPACES)
    ),
    "o200k_base": "|".join(
        (
            f"{_BEFORE}[{_UPPER}]*[{_LOWER}]+{_ENDING}?",
            f"{_BEFORE}[{_UPPER}]+[{_LOWER}]*{_ENDING}?",
            _DIGITS,
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            *_SPACES,
        )
    ),
}


def fits(path: Path) -> bool:
    """Whether a file is of this kind, which some models name `tokenizer.model`."""
    if path.suffix == ".tiktoken":
        return True
    with path.open("rb") as file:
        return _LINE.match(file.readline(1_000)) is not None


class Ranks:
    """An encoding of that library."""

    def __init__(self, name: str, encoding: Any) -> None:
        self.name = name
        self._encoding = encoding
        self._threads = os.cpu_count() or 1
        self.vocabulary_size: int = encoding.n_vocab
        # Ranks have no gaps, so that what lies above them is special or nothing.
        self.special_ids = frozenset(range(len(encoding.token_byte_values()), self.vocabulary_size))

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has."""
        return list(map(len, self.encode(texts)))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text's tokens; what looks like a special token is text."""
        found: list[list[int]] = self._encoding.encode_ordinary_batch(
            list(texts), num_threads=self._threads
        )
        return found

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The text of each list of ids."""
        return [self._encoding.decode(list(one)) for one in ids]


def load(name: str, path: Path) -> Ranks:
    """The encoding of a file; raises InputError without the library, ValueError for no ranks."""
    library = need("tiktoken", "tiktoken", f"tokenizer {name}")
    ranks = {}
    for line in path.read_bytes().splitlines():
        if line:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
    words = _WORDS.get(path.stem, _WORDS["cl100k_base"])
    special = declared(path.parent).ids
    return Ranks(
        name,
        library.Encoding(path.stem, pat_str=words, mergeable_ranks=ranks, special_tokens=special),
    )


def load_named(name: str) -> Ranks:
    """`tiktoken:NAME`, from the library's cache or the network; raises InputError."""
    library = need("tiktoken", "tiktoken", f"tokenizer {name}")
    encoding = name.removeprefix(SCHEME)
    known = library.list_encoding_names()
    if encoding not in known:
        raise InputError(f"tokenizer {name}: no such encoding; known: {', '.join(sorted(known))}")
    try:
        return Ranks(name, library.get_encoding(encoding))
    except Exception as error:  # noqa: BLE001  # its HTTP library's own, or a failed check
        raise InputError(
            f"tokenizer {name}: could not be fetched: {type(error).__name__}; point "
            "TIKTOKEN_CACHE_DIR at a folder that has it, or give a .tiktoken file"
        ) from None
