"""What every store can do, whichever service keeps the bytes."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from inferswarm.stores.uri import Uri

# The object that `check_writable` writes and removes. Where the identity may create but not
# delete it stays behind, so no listing shows it.
CHECK_NAME: Final = ".inferswarm-write-check"


@dataclass(frozen=True)
class Info:
    """What is known of an object without reading it: bytes, and a tag that changes with them."""

    size: int
    etag: str


class Store(Protocol):
    """Reads and writes URIs of one scheme; every method raises the errors of `stores.errors`."""

    def open(self, uri: Uri) -> BinaryIO:
        """Open for reading, seekable where the service can; memory is bounded by one block."""

    def info(self, uri: Uri) -> Info | None:
        """Size and tag, or None where there is no such object; a missing bucket is an error."""

    def names(self, prefix: Uri) -> list[str]:
        """List the objects below `prefix`, at any depth, relative to it and sorted."""

    def put(self, path: Path, uri: Uri, *, overwrite: bool = True) -> None:
        """Upload a file: the object appears whole or not at all."""

    def put_bytes(self, data: bytes, uri: Uri, *, overwrite: bool = True) -> None:
        """Write an object from memory: it appears whole or not at all."""

    def get(self, uri: Uri, path: Path) -> None:
        """Download to a file, which appears whole or not at all."""

    def delete(self, uri: Uri) -> None:
        """Remove an object; one that is not there is no error."""

    def check_writable(self, uri: Uri) -> None:
        """Raise now if objects below `uri` could not be written later."""
