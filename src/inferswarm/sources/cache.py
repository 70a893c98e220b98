"""Objects downloaded once: kept by their content in the user's cache folder, found by what named them.

    prompts/content/SHA256        whole contents
    prompts/index/SHA256.json     of (URI, size, tag): which content that was

Files appear whole, so runs at the same time do not harm each other; one waits while another downloads
the same. The folder may be removed at any time.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import msgspec

from inferswarm.errors import StorageError
from inferswarm.folders import alone, cache_folder
from inferswarm.sources.progress import Progress, silent
from inferswarm.sources.tally import shown
from inferswarm.storage import write_file
from inferswarm.stores import Info, Uri, store_for
from inferswarm.stores.errors import MissingError, UnreachableError

_PIECE_BYTES = 1 << 20


class _Entry(msgspec.Struct, frozen=True):
    """Which content an object had; `uri` is for people who look into the folder."""

    sha256: str
    size: int
    uri: str


def local_copy(uri: Uri, progress: Progress = silent) -> Path:
    """The path of a local URI, or of a whole copy of what it names, downloaded unless it is here.

    Raises InputError for a bucket, StoreError when it is not there or may not be read, StorageError when
    the cache cannot be written.
    """
    if uri.is_local:
        return uri.path
    info = store_for(uri.object()).info(uri)
    if info is None:
        raise MissingError(f"{uri}: no such object; check bucket and name")
    folder = cache_folder(os.environ) / "prompts"
    try:
        return _kept(folder, uri, info, progress)
    except OSError as error:
        raise StorageError(
            f"{folder}: prompts cannot be kept there: {error.strerror}; "
            "free space, or set INFERSWARM_CACHE to another folder"
        ) from None


def _kept(folder: Path, uri: Uri, info: Info, progress: Progress) -> Path:
    key = hashlib.sha256(f"{uri}\0{info.size}\0{info.etag}".encode()).hexdigest()
    entry_path = folder / "index" / f"{key}.json"
    for part in ("index", "content"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    with alone(entry_path.with_suffix(".lock")):
        found = _found(folder, entry_path) if info.etag else None
        if found is not None:
            return found
        entry = _download(folder, uri, info, progress)
        write_file(entry_path, msgspec.json.encode(entry))
        return folder / "content" / entry.sha256


def _found(folder: Path, entry_path: Path) -> Path | None:
    """The content that an entry names, when both are there and it has the right size."""
    try:
        entry = msgspec.json.decode(entry_path.read_bytes(), type=_Entry)
        content = folder / "content" / entry.sha256
        return content if content.stat().st_size == entry.size else None
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _download(folder: Path, uri: Uri, info: Info, progress: Progress) -> _Entry:
    """Fetch it whole, and keep it by its digest. What ends early is not kept."""
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder / "content")
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(descriptor, "wb") as target, store_for(uri).open(uri) as source:
            while piece := source.read(_PIECE_BYTES):
                target.write(piece)
                digest.update(piece)
                size += len(piece)
                progress(f"downloading {uri.name}", size, max(0, info.size))
        if size != info.size >= 0:
            raise UnreachableError(
                f"{uri}: {size:,} of {info.size:,} bytes came; try again, or see whether it changes"
            )
        Path(name).replace(folder / "content" / digest.hexdigest())
    finally:
        Path(name).unlink(missing_ok=True)
    return _Entry(digest.hexdigest(), size, shown(str(uri)))
