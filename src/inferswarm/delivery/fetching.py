"""A delivered run back into a folder of this machine, checked against its manifest."""

import re
from collections.abc import Callable
from pathlib import Path

from inferswarm.delivery.manifest import (
    MADE_AGAIN,
    Entry,
    Manifest,
    checksum,
    id_of,
    is_part,
    packed,
    parse_manifest,
    run_id,
)
from inferswarm.delivery.retrying import PATIENCE_S, retried
from inferswarm.delivery.sending import Progress
from inferswarm.errors import InputError
from inferswarm.storage.folder import RunFolder, write_file
from inferswarm.stores import Store, Uri
from inferswarm.stores.errors import MissingError

_NAME = re.compile(r"(records/)?\w[\w.-]*")
"""What a run's own files are called; others are none of ours, and none leads out of the folder."""


def fetch_run(
    store: Store, place: Uri, path: Path, show: Callable[[Progress], None] = lambda _: None
) -> tuple[RunFolder, list[str]]:
    """Bring a run into a folder; the folder, and a sentence for each thing that is not as it should be.

    What the folder has of the same run already is not fetched again. Raises StoreError, and InputError
    when there is no run at `place` or the folder holds another.
    """
    there = retried(lambda: store.names(place), PATIENCE_S)
    names = [name for name in there if _NAME.fullmatch(name)]
    if not any(map(is_part, names)):
        raise InputError(
            f"{place}: no run is there (it has no records/); give one as UPLOAD/runs/ID"
        )
    manifest, said = _manifest_at(store, place, names)
    folder = _folder_for(store, place, names, path)
    listed = {} if manifest is None else manifest.by_path
    wanted = [name for name in names if name != folder.manifest.name]
    of_bytes, done_bytes = sum(entry.bytes for entry in listed.values()), 0
    for number, name in enumerate(wanted):
        show(Progress(number, len(wanted), done_bytes, of_bytes))
        said += _fetch(store, place.child(name), folder.path / name, listed.get(name))
        done_bytes += listed[name].bytes if name in listed else 0
    if manifest is not None:
        said += [f"{name} is not in the manifest" for name in wanted if name not in listed]
        said += [f"{name} is missing" for name in listed if not (folder.path / name).exists()]
        write_file(folder.manifest, packed(manifest))
    return folder, said


def _manifest_at(store: Store, place: Uri, names: list[str]) -> tuple[Manifest | None, list[str]]:
    """The manifest, and what is to be said of it."""
    uri = place.child(RunFolder(Path()).manifest.name)
    if uri.name not in names:
        why = "its upload is not complete, or goes on; `inferswarm upload` finishes it where it ran"
        return None, [f"{place} has no manifest: {why}"]
    try:
        return parse_manifest(retried(lambda: _read(store, uri), PATIENCE_S)), []
    except ValueError as error:
        return None, [f"{uri} cannot be read: {error}"]


def _folder_for(store: Store, place: Uri, names: list[str], path: Path) -> RunFolder:
    """A new folder, or the one that has this very run already."""
    if not path.exists() or not any(path.iterdir()):
        return RunFolder.create(path)
    folder = RunFolder(path)
    theirs = _read(store, place.child(folder.run.name)) if folder.run.name in names else b""
    if not run_id(folder) or id_of(theirs) != run_id(folder):
        raise InputError(
            f"{path} holds something else than {place}; give another folder with --out"
        )
    folder.records.mkdir(exist_ok=True)
    return folder


def _fetch(store: Store, uri: Uri, path: Path, entry: Entry | None) -> list[str]:
    """One file, unless it is here; what is wrong with it."""
    if path.is_file() and (entry is None or path.name in MADE_AGAIN or _is(path, entry)):
        return []
    try:
        retried(lambda: store.get(uri, path), PATIENCE_S)
    except MissingError:
        return [f"{uri} is gone"]
    if entry is not None and not _is(path, entry):
        return [f"{uri} is not what the manifest says: its checksum differs"]
    return []


def _is(path: Path, entry: Entry) -> bool:
    return path.stat().st_size == entry.bytes and checksum(path)[0] == entry.sha256


def _read(store: Store, uri: Uri) -> bytes:
    with store.open(uri) as source:
        return source.read()
