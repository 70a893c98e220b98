"""The run folder on disk: what is where, records written so that a killed run keeps them, and read.

config.yaml      the resolved configuration, secrets masked
run.json         id, start, target, versions: what `summary.json` says under `run`
records/         w<worker>-<part>.jsonl while open, .jsonl.zst once closed and compressed
client.json      how the load generator fared, written when the run ends in order
summary.json     numbers
report.html      the page
run.log          what the processes said
"""

import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml
import zstandard

from inferswarm import __version__
from inferswarm.config.sources import masked
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InputError, StorageError
from inferswarm.records import PartHeader, Record, decode_header, decode_lines, encode_line

OPEN_SUFFIX = ".jsonl"
CLOSED_SUFFIX = ".jsonl.zst"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run's results."""

    path: Path

    @property
    def records(self) -> Path:
        """Folder of the record parts."""
        return self.path / "records"

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def run(self) -> Path:
        """What is known of the run itself."""
        return self.path / "run.json"

    @property
    def client(self) -> Path:
        """How the load generator fared; absent after a run that was killed."""
        return self.path / "client.json"

    def client_of(self, worker: int) -> Path:
        """The same, told by one worker that has no master to tell."""
        return self.path / f"client-w{worker}.json"

    @property
    def summary(self) -> Path:
        """The numbers."""
        return self.path / "summary.json"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def log(self) -> Path:
        """What the processes said."""
        return self.path / "run.log"

    @classmethod
    def create(cls, path: Path) -> "RunFolder":
        """Make the folder of a new run; refuses one that holds anything, or cannot be written."""
        new_folder(path / "records", path)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run; refuses a folder without records."""
        if not (path / "records").is_dir():
            raise InputError(f"{path}: not a run folder (it has no records/); give one under runs/")
        return cls(path)


def new_folder(path: Path, results: Path) -> None:
    """Make a folder in or at that of new results; refuses one that holds any, or cannot be written."""
    try:
        results.mkdir(parents=True, exist_ok=True)
        if any(results.iterdir()):
            raise InputError(f"--out {results}: already holds a run; choose another folder")
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--out {results}: cannot be written: {error.strerror}; choose another folder"
        ) from None


def new_id(started: datetime) -> str:
    """A name for results that were begun then, which no others bear."""
    return f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def write_file(path: Path, content: bytes) -> None:
    """Replace a file whole or not at all; raises StorageError naming it."""
    scratch = path.with_name(f".{path.name}.tmp")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise StorageError(f"{path} could not be written: {error.strerror}") from None


def describe(config: RunConfig, api: str, model: str) -> dict[str, Any]:
    """What `run.json` says of any run at its start; who starts it may add to this."""
    started = datetime.now(UTC)
    return {
        "id": new_id(started),
        "started": started.isoformat(timespec="seconds"),
        "target": config.target.url,
        "backend": config.target.backend,
        "api": api,
        "model": model,
        "inferswarm_version": __version__,
    }


def write_description(folder: RunFolder, config: RunConfig, run: dict[str, Any]) -> None:
    """Write `config.yaml`, secrets masked, and `run.json`; raises StorageError."""
    write_file(folder.config, yaml.safe_dump(masked(config), sort_keys=False).encode())
    write_run(folder, run)


def write_run(folder: RunFolder, run: dict[str, Any]) -> None:
    """Write `run.json`; raises StorageError."""
    write_file(folder.run, msgspec.json.format(msgspec.json.encode(run), indent=2))


class RecordWriter:
    """Appends one worker's records to its parts; every record is with the kernel when `write` returns.

    When the disk fails nothing is lost: lines that could not be written are kept and tried again by
    `close`, at last in the system's folder for temporary files; `trouble` says what happened.
    """

    def __init__(self, folder: Path, run: str, worker: int, part_bytes: int, **taken: str) -> None:
        """`taken` says how times were taken: `recorder` and `clock` of the part's header."""
        self._folder = folder
        self._run = run
        self._worker = worker
        self._taken = taken
        self._part_bytes = part_bytes
        self._part = 0
        self._fd = -1
        self._size = 0
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

    def close(self) -> None:
        """Write what is held, elsewhere if it must be; afterwards nothing more can be written."""
        self._flush()
        if self._held:
            self._spill()
        self._close_part()

    def _flush(self) -> None:
        try:
            if self._held:
                if self._fd < 0 or self._size >= self._part_bytes:
                    self._open_part()
                self._append(b"".join(self._held))
                self._held.clear()
        except OSError as error:
            self.trouble = f"records could not be written to {self._folder}: {error.strerror}"

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
        path = self._folder / f"w{self._worker}-{self._part:05d}{OPEN_SUFFIX}"
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._size = 0
        try:
            self._append(self._header())
        except OSError:
            self._close_part()
            path.unlink()
            self._part -= 1
            raise

    def _close_part(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _header(self) -> bytes:
        return encode_line(
            PartHeader(run=self._run, worker=self._worker, part=self._part, **self._taken)
        )

    def _spill(self) -> None:
        folder = Path(tempfile.gettempdir()) / f"inferswarm-{self._run}"
        path = folder / f"w{self._worker}-spill{OPEN_SUFFIX}"
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


def compress_closed_parts(folder: RunFolder, *, all_parts: bool) -> None:
    """Compress parts that no writer has open: all but each worker's newest, or `all_parts`.

    The compressed file appears whole before the plain one goes, so a reader always finds one of them.
    """
    by_worker: dict[str, list[Path]] = {}
    for path in sorted(folder.records.glob(f"*{OPEN_SUFFIX}")):
        by_worker.setdefault(path.name.split("-")[0], []).append(path)
    for paths in by_worker.values():
        for path in paths if all_parts else paths[:-1]:
            _compress(path)


def _compress(path: Path) -> None:
    scratch = path.with_name(f".{path.name}.tmp")
    try:
        with path.open("rb") as source, scratch.open("wb") as target:
            zstandard.ZstdCompressor(level=3).copy_stream(source, target)
        scratch.replace(path.with_name(path.name.removesuffix(OPEN_SUFFIX) + CLOSED_SUFFIX))
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise StorageError(
            f"{path} could not be compressed: {error.strerror}; it stays readable as it is"
        ) from None
    path.unlink()


@dataclass(slots=True)
class Reading:
    """What was met while reading a run's records."""

    parts: int = 0
    damaged_lines: int = 0
    unreadable_parts: list[str] = field(default_factory=list)
    recorder: str = ""
    clock: str = ""


def read_records(folder: RunFolder, reading: Reading) -> Iterator[Record]:
    """All records of a run, plain and compressed parts alike; `reading` is filled on the way.

    A line cut by a kill, or a part that cannot be read to its end, costs only itself.
    """
    for path in _parts(folder):
        reading.parts += 1
        try:
            lines = _lines(path)
            header = decode_header(next(lines, b""))
            reading.recorder, reading.clock = header.recorder, header.clock
            for record in decode_lines(lines):
                if record is None:
                    reading.damaged_lines += 1
                else:
                    yield record
        except (OSError, ValueError, zstandard.ZstdError) as error:
            reading.unreadable_parts.append(f"{path.name}: {error}")


def _parts(folder: RunFolder) -> list[Path]:
    closed = {
        path.name.removesuffix(CLOSED_SUFFIX): path
        for path in folder.records.glob(f"*{CLOSED_SUFFIX}")
    }
    still_open = {
        path.name.removesuffix(OPEN_SUFFIX): path for path in folder.records.glob(f"*{OPEN_SUFFIX}")
    }
    both = {**still_open, **closed}
    return [path for name, path in sorted(both.items()) if path.is_file() and name[0] != "."]


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as plain:
        if path.name.endswith(CLOSED_SUFFIX):
            with zstandard.ZstdDecompressor().stream_reader(plain) as stream:
                yield from _split(stream)
        else:
            yield from plain


def _split(stream: zstandard.ZstdDecompressionReader) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(1 << 20):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest
