"""Special tokens as `tokenizer_config.json` declares them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from inferswarm.errors import InputError

FILE = "tokenizer_config.json"
_NAMED = (
    "bos_token",
    "eos_token",
    "unk_token",
    "pad_token",
    "sep_token",
    "cls_token",
    "mask_token",
)


@dataclass(frozen=True, slots=True)
class Declared:
    """Texts of special tokens, and the ids of those that were given one."""

    texts: frozenset[str] = frozenset()
    ids: dict[str, int] = field(default_factory=dict)


def declared(folder: Path) -> Declared:
    """What the folder's file says; nothing without one. Raises InputError for one that is no JSON."""
    path = folder / FILE
    try:
        said = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return Declared()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {error}; mend it, or take it away") from None
    added = said.get("added_tokens_decoder") or {}
    ids = {_text(token): int(number) for number, token in added.items() if token.get("special")}
    named = [said.get(name) for name in _NAMED] + (said.get("additional_special_tokens") or [])
    return Declared(frozenset({*map(_text, named), *ids} - {""}), ids)


def _text(token: Any) -> str:
    """The text of a token, which may be an object with one."""
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else ""
