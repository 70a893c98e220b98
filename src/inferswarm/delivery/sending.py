"""Bringing the files of a run to where they are kept."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inferswarm.delivery.journal import NAME, Journal
from inferswarm.delivery.manifest import Entry, Manifest, checksum_of, is_part, packed
from inferswarm.delivery.retrying import PATIENCE_S, retried
from inferswarm.errors import StorageError
from inferswarm.storage.folder import RunFolder, write_file
from inferswarm.stores import Store, Uri, store_for
from inferswarm.stores.errors import UnreachableError

_PIECE_BYTES = 1 << 20


def place_of(upload: str, run: str) -> Uri:
    """Where a run goes when its results are uploaded to `upload`: below it, `runs/ID`."""
    return Uri.parse(upload).child("runs").child(run)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a delivery is."""

    files: int
    of_files: int
    bytes: int
    of_bytes: int
    trouble: str = ""


class Sender:
    """Brings files below one place."""

    def __init__(self, place: Uri, journal: Journal, store: Store | None = None) -> None:
        self.place = place
        self.store = store or store_for(place)
        self._journal = journal

    @classmethod
    def of_run(cls, folder: RunFolder, place: Uri) -> "Sender":
        """One that remembers in the run folder what has arrived."""
        return cls(place, Journal(folder.path / NAME))

    def send(self, source: Path, entry: Entry) -> bool:
        """Bring a file there, unless it is; whether it had to be sent. Raises StoreError."""
        uri = self.place.child(entry.path)
        if self.has(entry):
            return False
        self.store.put(source, uri)
        info = self.store.info(uri)
        if info is None or info.size != entry.bytes:
            seen = "is not there" if info is None else f"has {info.size} bytes"
            raise UnreachableError(f"{uri}: of {entry.bytes} bytes sent, and now it {seen}")
        self._journal.add(str(uri), entry.sha256, info)
        return True

    def has(self, entry: Entry) -> bool:
        """Whether a file is there with equal content; reads it where the journal does not know."""
        uri = self.place.child(entry.path)
        info = self.store.info(uri)
        if info is None or info.size != entry.bytes:
            return False
        if self._journal.knows(str(uri), entry.sha256, info):
            return True
        with self.store.open(uri) as source:
            found, _ = checksum_of(iter(lambda: source.read(_PIECE_BYTES), b""))
        if found == entry.sha256:
            self._journal.add(str(uri), entry.sha256, info)
        return found == entry.sha256


def deliver(
    sender: Sender,
    folder: RunFolder,
    manifest: Manifest,
    show: Callable[[Progress], None] = lambda _: None,
    patience_s: float = PATIENCE_S,
) -> int:
    """Bring all that a manifest lists, and then the manifest; how many files had to be sent.

    Each file is tried for `patience_s`. Raises StoreError.
    """
    files, of_bytes = manifest.files, sum(entry.bytes for entry in manifest.files)
    sent = done_bytes = 0

    def show_at(number: int, trouble: str = "") -> None:
        show(Progress(number, len(files), done_bytes, of_bytes, trouble))

    def attempt(number: int, entry: Entry) -> bool:
        return retried(
            lambda: sender.send(folder.path / entry.path, entry),
            patience_s,
            lambda error: show_at(number, str(error)),
        )

    for number, entry in enumerate(files):
        show_at(number)
        sent += attempt(number, entry)
        done_bytes += entry.bytes
    for entry in files:  # a worker elsewhere may have written its own form of a part meanwhile
        if is_part(entry.path):
            attempt(len(files), entry)
    content, uri = packed(manifest), sender.place.child(folder.manifest.name)
    retried(lambda: sender.store.put_bytes(content, uri), patience_s)
    with contextlib.suppress(StorageError):  # without it all is looked at again, and found there
        write_file(folder.arrived, str(sender.place).encode())
    show_at(len(files))
    return sent
