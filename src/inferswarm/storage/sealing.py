"""Closed parts of the records become compressed ones, whole or not at all."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from inferswarm.errors import StorageError
from inferswarm.records import Record, decode_lines, encode_line
from inferswarm.storage.folder import OPEN_SUFFIX, RunFolder, closed_name, worker_of

Amend = Callable[[list[Record]], list[Record]]
"""A pure function that gives records back with something added, as many and in the same order."""
BATCH = 512
_LEVEL = 3
_PIECE_BYTES = 1 << 20


def seal_parts(folder: RunFolder, *, all_parts: bool, amend: Amend | None = None) -> None:
    """Seal parts that no writer has open: all but each worker's newest, or `all_parts`.

    A part that a living process still writes is spared in any case. The first that cannot be sealed
    ends it: StorageError, or what `amend` raised; every part is then whole in one form or the other.
    """
    by_worker: dict[str, list[Path]] = {}
    for path in sorted(folder.records.glob(f"*{OPEN_SUFFIX}")):
        by_worker.setdefault(worker_of(path.name), []).append(path)
    for paths in by_worker.values():
        for path in paths if all_parts else paths[:-1]:
            if not is_being_written(path):
                seal(path, amend)


def is_being_written(path: Path) -> bool:
    """Whether a living process has a part open for writing."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # no locks here: what the name says must do
    else:
        return False
    finally:
        os.close(fd)


def seal(path: Path, amend: Amend | None = None) -> None:
    """Put the compressed form of a closed part in its place; raises StorageError.

    It appears whole before the plain one goes, so a reader always finds one of them. `amend` is
    applied to the records batch by batch; lines that are none stay as they are.
    """
    sealed = path.with_name(closed_name(path.name))
    try:
        if not sealed.exists():  # else a crash came between the two steps
            compress(path, sealed, amend)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"{path} could not be compressed: {error.strerror}; it stays readable as it is"
        ) from None


def compress(path: Path, sealed: Path, amend: Amend | None = None) -> None:
    """Write the compressed form of a part elsewhere, whole or not at all; raises OSError."""
    scratch = sealed.with_name(f".{path.name}.tmp")
    try:
        with path.open("rb") as source, scratch.open("wb") as target:
            _compress(source, target, amend)
            target.flush()
            os.fsync(target.fileno())  # it must not be less durable than what it replaces
        scratch.replace(sealed)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def _compress(source: BinaryIO, target: BinaryIO, amend: Amend | None) -> None:
    packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    with packer.stream_writer(target, closefd=False) as packed:
        if amend is None:
            shutil.copyfileobj(source, packed, _PIECE_BYTES)
            return
        packed.write(source.readline())
        for piece in _amended(source, amend):
            packed.write(piece)


def _amended(lines: Iterable[bytes], amend: Amend) -> Iterator[bytes]:
    """The lines of a part after its header, with their records amended."""
    batch: list[Record] = []
    for line in lines:
        (record,) = decode_lines(iter([line]))
        if record is not None:
            batch.append(record)
        if record is None or len(batch) >= BATCH:
            yield from map(encode_line, amend(batch) if batch else ())
            batch = []
        if record is None:
            yield line
    yield from map(encode_line, amend(batch) if batch else ())
