"""What must not be shown of values, because it is a secret or its name says so."""

import re
from typing import Any

HIDDEN = "***"
_SECRET_WORDS = frozenset(
    {
        *("apikey", "auth", "authorization", "cookie", "credential", "credentials", "key", "keys"),
        *("pass", "passphrase", "passwd", "password", "pwd", "secret", "secrets", "session"),
        *("signature", "token"),
    }
)


def is_secret(name: str) -> bool:
    """Whether a name of the user's own speaks of a secret: `X-Api-Key`, `db_password`."""
    return not _SECRET_WORDS.isdisjoint(re.findall(r"[a-z]+", name.lower()))


def hidden(value: Any, name: str = "", *, everything: bool = False) -> Any:
    """A value of this name with what is secret in it as `***`; with `everything`, all of it."""
    if isinstance(value, dict):
        hide = everything or is_secret(name)
        return {key: hidden(inner, str(key), everything=hide) for key, inner in value.items()}
    if isinstance(value, list):
        return [hidden(inner, name, everything=everything) for inner in value]
    return HIDDEN if (everything or is_secret(name)) and value not in (None, "", []) else value
