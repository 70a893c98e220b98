"""One worker's records on their way to disk."""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from inferswarm.records import PartHeader, Record, encode_line
from inferswarm.storage.folder import part_name


class RecordWriter:
    """Appends one worker's records to its parts; every record is with the kernel when `write` returns.

    A part that has reached its size or its age is closed and followed by the next. The open one is
    locked (`flock`), so that nobody takes it for closed while its writer lives.
    When the disk fails nothing is lost: lines that could not be written are kept and tried again by
    `close`, at last in the system's folder for temporary files; `trouble` says what happened.
    """

    def __init__(
        self,
        folder: Path,
        run: str,
        worker: int,
        part_bytes: int,
        part_ns: int = 0,
        **taken: str,
    ) -> None:
        """`part_ns` 0 closes no part by its age.

        `taken` says how times were taken: `recorder` and `clock` of the part's header.
        """
        self._folder = folder
        self._run = run
        self._worker = worker
        self._taken = taken
        self._part_bytes = part_bytes
        self._part_ns = part_ns
        self._part = 0
        self._fd = -1
        self._size = 0
        self._empty_size = 0
        self._opened_ns = 0
        self._held: list[bytes] = []
        self.trouble = ""

    @property
    def unwritten(self) -> int:
        """Records that are not on disk yet."""
        return len(self._held)

    def write(self, records: Sequence[Record]) -> None:
        """Append records; after trouble they are only held."""
        self._held.extend(map(encode_line, records))
        if not self.trouble:
            self._flush()

    def rotate(self) -> None:
        """Follow a part that is old enough by a new one, also when nothing is written; call at times."""
        if not self.trouble and self._size > self._empty_size and self._is_old():
            with self._noticing():
                self._open_part()

    def close(self) -> None:
        """Write what is held, elsewhere if it must be; afterwards nothing more can be written."""
        self._flush()
        if self._held:
            self._spill()
        self._close_part()

    def _flush(self) -> None:
        with self._noticing():
            if self._held:
                if self._fd < 0 or self._size >= self._part_bytes or self._is_old():
                    self._open_part()
                self._append(b"".join(self._held))
                self._held.clear()

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.trouble = f"records could not be written to {self._folder}: {error.strerror}"

    def _is_old(self) -> bool:
        age_ns = time.monotonic_ns() - self._opened_ns
        return self._fd >= 0 and 0 < self._part_ns <= age_ns and self._size > self._empty_size

    def _append(self, lines: bytes) -> None:
        """Write whole lines, or nothing of them."""
        done = 0
        try:
            while done < len(lines):
                done += os.write(self._fd, lines[done:])
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(lines)

    def _open_part(self) -> None:
        self._close_part()
        self._part += 1
        path = self._folder / part_name(self._worker, self._part)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._size, self._opened_ns = 0, time.monotonic_ns()
        with contextlib.suppress(OSError):  # some file systems know no locks: then the name must do
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            self._append(self._header())
        except OSError:
            self._close_part()
            path.unlink()
            self._part -= 1
            raise
        self._empty_size = self._size

    def _close_part(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._size, self._empty_size = -1, 0, 0

    def _header(self) -> bytes:
        return encode_line(
            PartHeader(run=self._run, worker=self._worker, part=self._part, **self._taken)
        )

    def _spill(self) -> None:
        folder = Path(tempfile.gettempdir()) / f"inferswarm-{self._run}"
        path = folder / part_name(self._worker, "spill")
        try:
            folder.mkdir(exist_ok=True, mode=0o700)
            path.write_bytes(b"".join([self._header(), *self._held]))
        except OSError as error:
            self.trouble += f"; nor to {path}: {error.strerror}; {len(self._held)} records are lost"
            return
        self.trouble += (
            f"; {len(self._held)} records are in {path} instead: free space, move it into "
            f"{self._folder} and run `inferswarm report {self._folder.parent}`"
        )
        self._held.clear()
