"""Parts that workers of other machines brought to the bucket, and could not hand to their master."""

import contextlib
import re
import tempfile
from pathlib import Path

import zstandard

from inferswarm.delivery.retrying import PATIENCE_S, retried
from inferswarm.storage.folder import CLOSED_SUFFIX, OPEN_SUFFIX, RunFolder, worker_of
from inferswarm.storage.reading import count_records, lines_of, parts_of
from inferswarm.stores import Store, Uri

PART = re.compile(r"w\d+-\d+" + re.escape(CLOSED_SUFFIX))


def gather_parts(store: Store, place: Uri, folder: RunFolder) -> list[str]:
    """Fetch the parts of a run that are in the bucket and not, or not whole, in its folder.

    They are put there plain, to be sealed as all others are. Gives their names; raises StoreError.
    """
    there = retried(lambda: store.names(place.child("records")), PATIENCE_S)
    newest = {worker_of(path.name): path.name for path in parts_of(folder)}
    fetched = []
    for name in filter(PART.fullmatch, there):
        plain = folder.records / f"{name.removesuffix(CLOSED_SUFFIX)}{OPEN_SUFFIX}"
        # Files are handed in one after another, so that only a worker's newest can be cut short.
        handed_in = plain.exists() and plain.name != newest[worker_of(name)]
        if not handed_in and not (folder.records / name).exists():
            fetched += _fetch(store, place.child(f"records/{name}"), plain)
    return fetched


def _fetch(store: Store, uri: Uri, plain: Path) -> list[str]:
    """Put a part in place unless ours has as many records; its name if we did."""
    with tempfile.TemporaryDirectory(prefix=".gather-", dir=plain.parent.parent) as scratch:
        packed, unpacked = Path(scratch, uri.name), Path(scratch, plain.name)
        retried(lambda: store.get(uri, packed), PATIENCE_S)
        if plain.exists() and count_records(plain) >= count_records(packed):
            return []
        with unpacked.open("wb") as target, contextlib.suppress(ValueError, zstandard.ZstdError):
            target.writelines(line + b"\n" for line in lines_of(packed))
        unpacked.replace(plain)
    return [plain.name]
