"""Secrets that tokens and logins are; from the environment or a file, never a flag."""

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path

from inferswarm.errors import InputError

ENVIRONMENT = "INFERSWARM_TOKEN"
LEAST_LENGTH = 16
USER = "INFERSWARM_WEB_USER"
PASSWORD = "INFERSWARM_WEB_PASSWORD"  # noqa: S105 - its name
LEAST_PASSWORD = 8


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


def read_login(file: Path | None = None, flag: str = "--web-login-file") -> tuple[str, str]:
    """User and password: a file's `user:password`, given by `flag`, or else from two variables.

    Raises InputError where one is missing, or the password is too short to be a secret.
    """
    if file is None:
        origin = f"{USER} and {PASSWORD}"
        user, password = os.environ.get(USER, ""), os.environ.get(PASSWORD, "")
    else:
        origin = str(file)
        try:
            user, _, password = file.read_text("utf-8").strip().partition(":")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{flag} {file}: {error}; give a file with user:password") from None
    if not user or len(password) < LEAST_PASSWORD:
        raise InputError(
            f"{origin}: a login is a user and a password of at least {LEAST_PASSWORD} characters"
        )
    return user, password


def digest(secret: str) -> bytes:
    """What is kept of a secret to know it again, whatever characters it has."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def same(given: str, known: str) -> bool:
    """Whether two secrets are equal, in a time that tells neither where they differ nor a length."""
    return hmac.compare_digest(digest(given), digest(known))


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_hex(16)
