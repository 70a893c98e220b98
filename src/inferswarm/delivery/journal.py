"""Which files have arrived where, kept in the run folder so that nothing is sent twice."""

import contextlib
from pathlib import Path

import msgspec

from inferswarm.stores import Info

NAME = ".uploaded.jsonl"


class _Arrived(msgspec.Struct, frozen=True):
    uri: str
    sha256: str
    size: int
    etag: str


_decoder = msgspec.json.Decoder(_Arrived)


class Journal:
    """Objects that we wrote, and the tags that their store gave them.

    It only spares reading an object to compare it, so a journal that cannot be written costs time.
    """

    def __init__(self, path: Path | None) -> None:
        """`path` None keeps it in memory."""
        self._path = path
        self._arrived: dict[str, _Arrived] = {}
        for line in _lines(path):
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                self._take(_decoder.decode(line))

    def add(self, uri: str, sha256: str, info: Info) -> None:
        """A file with this checksum is now this object."""
        arrived = _Arrived(uri, sha256, info.size, info.etag)
        self._take(arrived)
        if self._path is not None:
            with contextlib.suppress(OSError), self._path.open("ab") as target:
                target.write(msgspec.json.encode(arrived) + b"\n")

    def knows(self, uri: str, sha256: str, info: Info) -> bool:
        """Whether the object, by its size and tag, is still the one that we wrote from such a file."""
        known = self._arrived.get(uri)
        return known == _Arrived(uri, sha256, info.size, info.etag)

    def _take(self, arrived: _Arrived) -> None:
        self._arrived[arrived.uri] = arrived


def _lines(path: Path | None) -> list[bytes]:
    try:
        return path.read_bytes().splitlines() if path else []
    except OSError:
        return []
