"""Where a file or an object is: a plain path, `gs://`, `s3://`, `az://`, `http://`, `https://`."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from inferswarm.errors import InputError

SCHEMES: Final = ("file", "gs", "s3", "az", "http", "https")

_WEB: Final = ("http", "https")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_NEARLY: Final = re.compile(rf"({'|'.join(SCHEMES)}):/?(?!/)", re.IGNORECASE)


@dataclass(frozen=True)
class Uri:
    """A place: `bucket` is empty for files, the container of az://, host and port of http(s)://.

    `key` is the path within the bucket without its leading slash; of a file, the path as given.
    """

    scheme: str
    bucket: str
    key: str

    @staticmethod
    def parse(text: str | Path) -> "Uri":
        """Take a URI apart; text without a scheme is a path. Raises InputError."""
        if not isinstance(text, str):
            return Uri("file", "", str(text))
        match = _SCHEME.match(text)
        if match is None:
            return Uri("file", "", _filled(_plain(text), text))
        scheme, rest = match[1].lower(), text[match.end() :]
        if scheme not in SCHEMES:
            raise InputError(f"{text}: {scheme}:// is not known; these are: {_known()}")
        if scheme == "file":
            return Uri("file", "", _absolute(rest, text))
        bucket, _, key = rest.partition("/")
        if "@" in bucket:
            raise InputError(
                f"{scheme}://...@{bucket.rpartition('@')[2]}: a URL with a password in it would be "
                f"stored with the run; download the file and name it instead"
            )
        return Uri(scheme, _filled(bucket, text), key)

    def __str__(self) -> str:
        return self.key if self.scheme == "file" else f"{self.scheme}://{self.bucket}/{self.key}"

    def child(self, name: str) -> "Uri":
        """Give the place `name`, which may hold slashes, below this one."""
        if self.key and not self.key.endswith("/"):
            return replace(self, key=f"{self.key}/{name}")
        return replace(self, key=self.key + name)

    @property
    def name(self) -> str:
        """The last part of the key: the file's own name."""
        return self.key.rstrip("/").rpartition("/")[2].partition("?")[0]

    def object(self) -> "Uri":
        """The same, when it can name one file or object; raises InputError for a whole bucket."""
        if self.key or self.scheme in _WEB:
            return self
        raise InputError(f"{self}: names no object; give one in it, as in {self}prompts.txt")

    @property
    def shown(self) -> str:
        """The URI for people: without the query of http(s)://, where signed URLs have their keys."""
        return str(self).partition("?")[0] if self.scheme in _WEB else str(self)

    @property
    def is_local(self) -> bool:
        """Whether it is a path on this machine."""
        return self.scheme == "file"

    @property
    def path(self) -> Path:
        """The path of a local URI; raises ValueError for any other."""
        if not self.is_local:
            raise ValueError(f"{self} is not on this machine")
        return Path(self.key)


def _plain(path: str) -> str:
    """A path; refuses what is nearly a URI, which nobody means to be a path."""
    if match := _NEARLY.match(path):
        meant = f"{match[1].lower()}://{'/' if match[1].lower() == 'file' else ''}"
        raise InputError(
            f"{path}: is no {meant} URI; write {meant}{path[match.end() :]}, or ./{path} for a file"
        )
    return path


def _filled(part: str, text: str) -> str:
    if not part:
        raise InputError(f"{text!r} names no file or bucket; give a path or one of: {_known()}")
    return part


def _absolute(rest: str, text: str) -> str:
    if not rest.startswith("/"):
        raise InputError(f"{text}: file:// takes an absolute path, as in file:///data/prompts.txt")
    return rest


def _known() -> str:
    return ", ".join(f"{scheme}://" for scheme in SCHEMES)
