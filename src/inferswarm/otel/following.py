"""The sampled requests of a run, read from its record files while these are written and sealed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from inferswarm.records import Record, decode_lines
from inferswarm.storage.folder import CLOSED_SUFFIX, OPEN_SUFFIX, RunFolder, worker_of
from inferswarm.storage.reading import lines_of

_TRACED = b'"trace":"'


class Follower:
    """Gives each record that has a trace once, in the order of its worker's parts."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._parts: dict[str, _Part] = {}

    def take(self, most: int) -> list[Record]:
        """What was written since the last call, at most so many; fewer mean that there is no more."""
        found: list[Record] = []
        for part in self._known():
            for record in part.traced():
                found.append(record)
                if len(found) >= most:
                    return found
        return found

    def close(self) -> None:
        """Hold no file open."""
        for part in self._parts.values():
            part.close()

    def _known(self) -> Iterator["_Part"]:
        """The parts that may have more; one that is followed by another is over once it is read."""
        records = self._folder.records
        names = sorted(
            {
                path.name.removesuffix(suffix)
                for suffix in (OPEN_SUFFIX, CLOSED_SUFFIX)
                for path in records.glob(f"w*{suffix}")
            }
        )
        newest = {worker_of(name): name for name in names}
        for name in names:
            part = self._parts.get(name)
            if part is None:
                part = self._parts[name] = _Part(records / f"{name}{OPEN_SUFFIX}")
            if not part.over:
                yield part
                part.read_out(last=newest[worker_of(name)] == name)


class _Part:
    """One part: plain while it is written, and afterwards too for who has it open; else sealed."""

    def __init__(self, plain: Path) -> None:
        self._file: BinaryIO | None = None
        self._sealed: Iterator[bytes] = iter(())
        self.over = False
        try:
            self._file = plain.open("rb")
        except OSError:
            self._sealed = lines_of(plain)

    def traced(self) -> Iterator[Record]:
        """Records with a trace that were not given yet; what cannot be read costs only itself."""
        try:
            yield from filter(None, decode_lines(line for line in self._lines() if _TRACED in line))
        except (OSError, ValueError, zstandard.ZstdError):
            self.close()

    def read_out(self, *, last: bool) -> None:
        """All that is there was read; nothing will come if it is not its worker's `last`."""
        if not last or self._file is None:
            self.close()

    def close(self) -> None:
        """Read no more of it."""
        self.over = True
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lines(self) -> Iterator[bytes]:
        if self._file is None:
            # By hand: `yield from` would end it for good when its reader stops early.
            while sealed := next(self._sealed, b""):
                yield sealed
            return
        while line := self._file.readline():
            if not line.endswith(b"\n"):  # it is still being written
                self._file.seek(-len(line), os.SEEK_CUR)
                return
            yield line
