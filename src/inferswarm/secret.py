"""The secret by which a master knows its workers; from the environment or a file, never a flag."""

import os
import secrets
from pathlib import Path

from inferswarm.errors import InputError

ENVIRONMENT = "INFERSWARM_TOKEN"
LEAST_LENGTH = 16


def read_token(
    file: Path | None = None, variable: str = ENVIRONMENT, flag: str = "--token-file"
) -> str:
    """The token in a file, given by `flag`, or else in a variable; empty when there is none.

    Raises InputError for one that is too short to be a secret, or has white space in it.
    """
    origin = variable if file is None else str(file)
    try:
        token = os.environ.get(variable, "") if file is None else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{flag} {file}: {error}; give a file with the token") from None
    token = token.strip()
    if token and (len(token) < LEAST_LENGTH or not token.isascii() or len(token.split()) != 1):
        raise InputError(f"{origin}: a token is one word of at least {LEAST_LENGTH} characters")
    return token


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_hex(16)
