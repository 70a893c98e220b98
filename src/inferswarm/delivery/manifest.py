"""The manifest of a run: every file with its size and checksum, so that a reader knows what is missing.

It is written when everything else is there. Files whose names begin with a dot are nobody's results.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from inferswarm.errors import StorageError
from inferswarm.storage.folder import CLOSED_SUFFIX, OPEN_SUFFIX, RunFolder, write_file
from inferswarm.storage.reading import count_records, parts_of

FORMAT = "inferswarm-manifest/1"
MADE_AGAIN = ("summary.json", "results.txt", "report.html")
"""What `inferswarm report` makes from the rest."""
_PIECE_BYTES = 1 << 20


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file: its path in the run folder, size, SHA-256 in hex, and how many records it holds."""

    path: str
    bytes: int
    sha256: str
    records: int | None = None


class Manifest(msgspec.Struct, frozen=True):
    """What a run left. `ended` is whether the run came to its end in order.

    `parts` and `records` are how many there are in all `files`.
    """

    run: str
    written: str
    ended: bool
    parts: int
    records: int
    files: list[Entry]
    format: str = FORMAT

    @property
    def by_path(self) -> dict[str, Entry]:
        """The files by their paths."""
        return {entry.path: entry for entry in self.files}


class _Named(msgspec.Struct):
    id: str = ""


def write_manifest(folder: RunFolder) -> Manifest:
    """Write the manifest of a folder into it, when everything else is there; raises StorageError."""
    entries = [entry_of(folder, name) for name in names_in(folder)]
    parts = [entry for entry in entries if is_part(entry.path)]
    manifest = Manifest(
        run=run_id(folder),
        written=datetime.now(UTC).isoformat(timespec="seconds"),
        ended=any(entry.path.startswith("client") for entry in entries),
        parts=len(parts),
        records=sum(entry.records or 0 for entry in parts),
        files=entries,
    )
    write_file(folder.manifest, packed(manifest))
    return manifest


def renew_manifest(folder: RunFolder, changed: Iterable[Path]) -> None:
    """Say in a folder's manifest, if it has one, that these files were made again; raises StorageError.

    What it says of other files stays, also of those that are missing.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return
    entries = manifest.by_path
    for path in changed:
        name = path.relative_to(folder.path).as_posix()
        entries[name] = entry_of(folder, name)
    renewed = msgspec.structs.replace(manifest, files=list(entries.values()))
    write_file(folder.manifest, packed(renewed))


def read_manifest(folder: RunFolder) -> Manifest | None:
    """A folder's manifest; None where there is none. Raises StorageError when it is damaged."""
    try:
        return parse_manifest(folder.manifest.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StorageError(f"{folder.manifest}: {error}; remove it, and upload again") from None


def parse_manifest(content: bytes) -> Manifest:
    """Read a manifest's bytes; raises ValueError when they are none of ours."""
    found = msgspec.json.decode(content, type=Manifest)
    if found.format != FORMAT:
        raise ValueError(f"a manifest of format {found.format!r}, this version reads {FORMAT!r}")
    return found


def packed(manifest: Manifest) -> bytes:
    """A manifest as it is stored."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def missing_files(folder: RunFolder, manifest: Manifest) -> list[str]:
    """Paths that a manifest lists, and that a folder lacks or has in another size.

    What can be made again is not missed.
    """
    needed = [entry for entry in manifest.files if entry.path not in MADE_AGAIN]
    return [entry.path for entry in needed if not _has(folder.path / entry.path, entry)]


def names_in(folder: RunFolder) -> list[str]:
    """Paths of all results in a folder, the manifest left out."""
    found = [*folder.path.glob("[!.]*"), *parts_of(folder)]
    names = [path.relative_to(folder.path).as_posix() for path in found if path.is_file()]
    return sorted(name for name in names if name != folder.manifest.name)


def entry_of(folder: RunFolder, name: str) -> Entry:
    """Size, checksum and number of records of a file; raises StorageError."""
    path = folder.path / name
    try:
        sha256, size = checksum(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from None
    return Entry(name, size, sha256, count_records(path) if is_part(name) else None)


def is_part(name: str) -> bool:
    """Whether a path in a run folder is a part of its records."""
    return name.startswith("records/") and name.endswith((OPEN_SUFFIX, CLOSED_SUFFIX))


def checksum(path: Path) -> tuple[str, int]:
    """(SHA-256 in hex, bytes) of a file; raises OSError."""
    with path.open("rb") as source:
        return checksum_of(iter(lambda: source.read(_PIECE_BYTES), b""))


def checksum_of(pieces: Iterable[bytes]) -> tuple[str, int]:
    """(SHA-256 in hex, bytes) of what comes in pieces."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def run_id(folder: RunFolder) -> str:
    """The id of a run as its `run.json` says; empty when it says none."""
    try:
        return id_of(folder.run.read_bytes())
    except OSError:
        return ""


def id_of(content: bytes) -> str:
    """The id of a run from the bytes of its `run.json`; empty when they say none."""
    try:
        return msgspec.json.decode(content, type=_Named).id
    except (msgspec.DecodeError, RecursionError):
        return ""


def _has(path: Path, entry: Entry) -> bool:
    return path.is_file() and path.stat().st_size == entry.bytes
