"""A tokenizer by its name: a folder, a file, an encoding of tiktoken, or a model at Hugging Face."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from inferswarm.errors import InputError
from inferswarm.tokenizer import hub, hugging_face, ranks, sentence_piece
from inferswarm.tokenizer.interface import Tokenizer


@dataclass(frozen=True, slots=True)
class Kind:
    """Files that one library reads: whether a file is one of them, and the tokenizer that it makes."""

    sentence: str
    fits: Callable[[Path], bool]
    load: Callable[[str, Path], Tokenizer]


KINDS = (
    Kind("tokenizer.json of Hugging Face's tokenizers", hugging_face.fits, hugging_face.load),
    Kind("file of tiktoken's ranks", ranks.fits, ranks.load),
    Kind("model of sentencepiece", sentence_piece.fits, sentence_piece.load),
)
FILES = (
    *("tokenizer.json", "tokenizer.model", "tiktoken.model", "spiece.model"),
    *("sentencepiece.bpe.model", "qwen.tiktoken"),
)
"""What models call their tokenizer's file, the best first."""
_PATTERNS = (*FILES, "*.tiktoken", "*.spm", "*.model")
_SUFFIXES = (".json", ".model", ".spm", ".tiktoken")


def load_tokenizer(name: str) -> Tokenizer:
    """Load a tokenizer here; raises InputError in one line. Never in a process of the load."""
    if name.startswith(ranks.SCHEME):
        return ranks.load_named(name)
    path = Path(name).expanduser()
    if path.exists():
        return _from_file(name, _file_in(name, path) if path.is_dir() else path)
    if path.is_absolute() or name.startswith(("./", "../", "~")) or path.suffix in _SUFFIXES:
        raise InputError(f"tokenizer {name}: no such file or folder; give one, or a model's name")
    if "://" in name:
        raise InputError(f"tokenizer {name}: give a local copy of it, or a model's name")
    return _from_file(name, hub.fetch(name, FILES))


def _file_in(name: str, folder: Path) -> Path:
    """The tokenizer's file in a folder."""
    found = next(_matches(folder, _PATTERNS), None)
    if found is None:
        raise InputError(f"tokenizer {name}: the folder has none of {', '.join(FILES)}")
    return found


def _matches(folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    return (path for pattern in patterns for path in sorted(folder.glob(pattern)))


def _from_file(name: str, path: Path) -> Tokenizer:
    """The tokenizer of a file, by the first kind that it fits."""
    try:
        kind = next((kind for kind in KINDS if kind.fits(path)), None)
    except OSError as error:
        raise InputError(f"tokenizer {name}: {path}: {error.strerror}") from None
    if kind is None:
        raise InputError(f"tokenizer {name}: {path.name} is none of {', '.join(_SUFFIXES)}")
    try:
        return kind.load(name, path)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001  # one of the libraries raises no other class
        why = " ".join(str(error).split())[:200]
        raise InputError(f"tokenizer {name}: {path} is no {kind.sentence}: {why}") from None
