"""The run folder: what is where, and what describes a run."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from inferswarm import __version__
from inferswarm.config.sources import masked
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InputError, StorageError

OPEN_SUFFIX = ".jsonl"
CLOSED_SUFFIX = ".jsonl.zst"


def part_name(worker: int, part: int | str) -> str:
    """The name of a part while it is open; parts of a worker sort in the order they were begun."""
    number = part if isinstance(part, str) else f"{part:05d}"
    return f"w{worker}-{number}{OPEN_SUFFIX}"


def closed_name(name: str) -> str:
    """What a part is called once it is sealed."""
    return name.removesuffix(OPEN_SUFFIX) + CLOSED_SUFFIX


def worker_of(name: str) -> str:
    """The worker that wrote a part, as its name tells."""
    return name.partition("-")[0]


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
    def results(self) -> Path:
        """The numbers in a few lines of text."""
        return self.path / "results.txt"

    @property
    def metrics(self) -> Path:
        """What the server said of itself."""
        return self.path / "metrics.json"

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
    def manifest(self) -> Path:
        """What the run left, with checksums; written when everything else is there."""
        return self.path / "manifest.json"

    @property
    def arrived(self) -> Path:
        """Where all of the run is now, written when it had arrived there; no part of the results."""
        return self.path / ".arrived"

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
