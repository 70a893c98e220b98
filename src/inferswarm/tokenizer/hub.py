"""A model's tokenizer from the Hugging Face hub, or from its cache on this machine."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from inferswarm.errors import InputError
from inferswarm.extras import need
from inferswarm.tokenizer import declared

VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
FILE_VARIABLE = "HF_TOKEN_PATH"
MOUNTED = Path("/run/secrets/hf_token")
"""Where a secret is often mounted; used when no variable says anything."""


class Identity(NamedTuple):
    """As whom models are asked for: a token, empty for none, and where it is from, in words."""

    token: str
    words: str


def identity(environment: Mapping[str, str], mounted: Path = MOUNTED) -> Identity:
    """The token of a variable, else that of a file; raises InputError for a file that is not there."""
    for name in VARIABLES:
        if token := environment.get(name, "").strip():
            return Identity(token, f"the token in {name}")
    named = environment.get(FILE_VARIABLE, "")
    path = Path(named).expanduser() if named else mounted
    if not named and not mounted.exists():
        return Identity("", "")
    try:
        return Identity(path.read_text().strip(), f"the token in {path}")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: no token can be read: {error}; mend or unset {FILE_VARIABLE}"
        ) from None


def fetch(name: str, files: Sequence[str]) -> Path:
    """The first of these files that the model `name` has, `name@revision` too; raises InputError.

    What is in the cache is not fetched again, and without the network it is all there is.
    """
    library = need("huggingface_hub", "tokenizers", f"tokenizer {name}")
    who = identity(os.environ)
    if not who.token and (kept := library.get_token()):
        who = Identity(kept, "the token that `hf auth login` keeps")
    try:
        return _first_of(library, name, files, who.token)
    except InputError:
        raise
    except (OSError, ValueError, library.errors.XetDownloadError) as error:
        # Errors of its HTTP library are OSErrors too where they come from the hub.
        raise InputError(f"tokenizer {name}: {_why(library, error, who)}") from None


def _first_of(library: ModuleType, name: str, files: Sequence[str], token: str) -> Path:
    """The first file; where the network is away, that of the cache."""
    model, _, revision = name.partition("@")
    away: Exception | None = None

    def get(file: str) -> Path:
        return Path(
            library.hf_hub_download(
                model,
                file,
                revision=revision or None,
                token=token or False,
                local_files_only=away is not None,
            )
        )

    for file in files:
        try:
            path = get(file)
        except library.errors.LocalEntryNotFoundError as error:
            away = away or error  # the network is tried once, which may take its time
            continue
        except library.errors.EntryNotFoundError:
            continue
        # Not every model declares special tokens beside its tokenizer.
        with contextlib.suppress(library.errors.EntryNotFoundError):
            get(declared.FILE)
        return path
    if away is not None:
        raise away
    raise InputError(f"tokenizer {name}: the model has none of {', '.join(files)}")


def _why(library: ModuleType, error: Exception, who: Identity) -> str:
    """What went wrong, as whom, and what to do."""
    errors = library.errors
    asked = f"asked with {who.words}" if who.token else "asked without a token"
    remedy = "set HF_TOKEN to one that may read it"
    if isinstance(error, errors.GatedRepoError):
        return (
            f"the model is gated ({asked}): accept its terms on its page with your account, and "
            f"{remedy}"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"the model has no such revision ({asked}); give one that it has after the @"
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"no such model, folder or file, or the model is private ({asked}): mend the name, or "
            f"{remedy}"
        )
    # What an entry is missing for is its cause, where the hub did answer.
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    if response is not None:
        return f"the hub answered with status {response.status_code} ({asked}); {remedy}"
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        return _away(library)
    return f"{' '.join(str(error).split())[:200]} ({asked})"


def _away(library: ModuleType) -> str:
    if library.constants.HF_HUB_OFFLINE:
        return (
            "not in the cache, and HF_HUB_OFFLINE forbids to fetch it; unset that, or give a folder"
        )
    return (
        f"not in the cache, and {library.constants.ENDPOINT} cannot be reached; check the network, or "
        "give a folder"
    )
