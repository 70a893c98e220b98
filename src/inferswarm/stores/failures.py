"""The sentences of the stores' errors: URI, identity, permission and remedy in one line."""

import re
from dataclasses import dataclass
from typing import Final

from inferswarm.stores.errors import (
    DeniedError,
    ExistsError,
    MissingError,
    StoreError,
    UnreachableError,
)
from inferswarm.stores.table import Action, Scheme
from inferswarm.stores.uri import Uri

NO_ANSWER: Final = 0
"""Stands for an HTTP status where none came: refused, cut, silent for too long."""

_UNAUTHORIZED: Final = 401
_REFUSED: Final = (_UNAUTHORIZED, 403)
_IN_THE_WAY: Final = (409, 412)
_FOR_A_WHILE: Final = (NO_ANSWER, 408, 425, 429)
_DETAIL_CHARACTERS: Final = 200
_SECRET: Final = re.compile(
    r"(?i)\b(sig|x-amz-signature|signature|x-goog-signature|token|AccountKey|SharedAccessSignature)"
    r"=[^&;\s'\"]+"
)


@dataclass(frozen=True)
class Attempt:
    """What was asked of which service, and as whom."""

    scheme: Scheme
    uri: Uri
    action: Action
    identity: str

    @property
    def needs(self) -> str:
        """The permission that the action takes."""
        return f"{self.action.doing} takes {self.scheme.rights[self.action]}"

    @property
    def bucket(self) -> str:
        """The bucket with the service's own word before it."""
        return f"{self.scheme.bucket_word} {self.uri.bucket}"


def is_passing(status: int | None) -> bool:
    """Whether a failure may be gone at the next try."""
    return status is not None and (status in _FOR_A_WHILE or status >= 500)


def bucket_missing(attempt: Attempt) -> MissingError:
    """Say that there is no such bucket, and how one is made."""
    create = attempt.scheme.create.format(bucket=attempt.uri.bucket)
    return MissingError(
        f"{attempt.uri}: there is no {attempt.bucket}, asked as {attempt.identity}; "
        f"check its name or create it (`{create}`); {attempt.needs}"
    )


def object_missing(attempt: Attempt) -> MissingError:
    """Say that the bucket is there and the object is not."""
    return MissingError(
        f"{attempt.uri}: no such object in {attempt.bucket}, asked as {attempt.identity}; "
        f"check the name; {attempt.needs}"
    )


def already_there(attempt: Attempt) -> ExistsError:
    """Say that something is there which nobody asked to replace."""
    return ExistsError(
        f"{attempt.uri}: it exists already, seen as {attempt.identity}; choose another name or "
        f"overwrite it, which takes {attempt.scheme.rights[Action.REPLACE]}"
    )


def failure(attempt: Attempt, status: int | None, error: BaseException, tries: int) -> StoreError:
    """Turn an answer that is neither success nor 404 into one of the stores' errors."""
    if status in _REFUSED:
        return _unknown(attempt, error) if status == _UNAUTHORIZED else _denied(attempt)
    if status in _IN_THE_WAY and attempt.action is Action.CREATE:
        return already_there(attempt)
    if is_passing(status):
        return _unreachable(attempt, error, tries)
    return StoreError(
        f"{attempt.uri}: {attempt.scheme.service} failed, asked as {attempt.identity}: "
        f"{detail(error)}; {attempt.needs}"
    )


def detail(error: BaseException) -> str:
    """Give what a library says about its error: one line, not too long, without keys in it."""
    words = " ".join(str(error).split())
    words = _SECRET.sub(r"\1=...", words)
    if len(words) > _DETAIL_CHARACTERS:
        words = words[:_DETAIL_CHARACTERS] + "..."
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _unknown(attempt: Attempt, error: BaseException) -> DeniedError:
    return DeniedError(
        f"{attempt.uri}: {attempt.scheme.service} does not accept {attempt.identity} "
        f"({detail(error)}); {attempt.scheme.log_in}; {attempt.needs}"
    )


def _denied(attempt: Attempt) -> DeniedError:
    scheme = attempt.scheme
    right = scheme.rights[attempt.action]
    hidden = f" ({scheme.hidden})" if scheme.hidden and attempt.action is Action.READ else ""
    return DeniedError(
        f"{attempt.uri}: {attempt.identity} may not {attempt.action} it{hidden}; "
        f"grant {right} on {attempt.bucket}, or use another identity: {scheme.log_in}"
    )


def _unreachable(attempt: Attempt, error: BaseException, tries: int) -> UnreachableError:
    times = "once" if tries == 1 else f"{tries} times"
    return UnreachableError(
        f"{attempt.uri}: {attempt.scheme.service} failed {times}, asked as {attempt.identity}: "
        f"{detail(error)}; check network, proxies and endpoint; {attempt.needs}"
    )
