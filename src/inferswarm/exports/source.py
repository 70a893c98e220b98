"""A finished run as exports read it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from inferswarm.errors import StorageError
from inferswarm.records import Record
from inferswarm.reports import build
from inferswarm.snapshot import Snapshot
from inferswarm.storage import Reading, RunFolder, read_records

PROGRESS_EVERY = 1_000


class Source:
    """Records and numbers of one run folder; `reading` tells what was met on the last way through.

    `progress` is called now and then with the number of records read so far.
    """

    def __init__(
        self,
        folder: RunFolder,
        snapshot: Snapshot | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`snapshot` are the run's numbers, where they are known already."""
        self.folder = folder
        self.reading = Reading()
        self._given = snapshot
        self._progress = progress

    def records(self) -> Iterator[Record]:
        """All records that can be read, part by part."""
        self.reading = Reading()
        for number, record in enumerate(read_records(self.folder, self.reading), 1):
            yield record
            if number % PROGRESS_EVERY == 0:
                self._progress(number)

    @cached_property
    def run(self) -> dict[str, Any]:
        """What `run.json` says."""
        return build.mapping(self.folder.run)

    @cached_property
    def config(self) -> dict[str, Any]:
        """What `config.yaml` says."""
        return build.mapping(self.folder.config)

    @cached_property
    def snapshot(self) -> Snapshot:
        """The numbers of `summary.json`, so that all say the same; without it, from the records."""
        if self._given is not None:
            return self._given
        try:
            return msgspec.json.decode(self.folder.summary.read_bytes(), type=Snapshot)
        except (OSError, msgspec.DecodeError, RecursionError):
            built = build.build(self.folder, self._progress)
            self.reading = built.reading
            return built.snapshot


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write in place of `path`, which takes its place whole or not at all.

    Raises StorageError naming `path`.
    """
    scratch = path.with_name(f".{path.name}.tmp")
    try:
        yield scratch
        scratch.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} could not be written: {error.strerror or error}; give --out another place"
        ) from None
    finally:
        scratch.unlink(missing_ok=True)
