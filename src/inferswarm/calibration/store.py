"""Calibrations on disk: one file of this user, an entry for each machine and way of asking."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path

import msgspec

from inferswarm import __version__
from inferswarm.adapters.table import route
from inferswarm.calibration.figures import Figure
from inferswarm.ceiling import Ceilings
from inferswarm.config.tree import RunConfig
from inferswarm.errors import StorageError
from inferswarm.folders import cache_folder
from inferswarm.storage import write_file

FORMAT = "inferswarm-calibration/1"
_CPU_INFO = Path("/proc/cpuinfo")


class Machine(msgspec.Struct, frozen=True):
    """What a calibration holds for; another machine, kernel, Python or version needs its own."""

    cpu: str
    cores: int
    kernel: str
    python: str
    inferswarm: str


class Setup(msgspec.Struct, frozen=True):
    """What of a configuration decides the client's cost of a token or a request."""

    backend: str
    api: str
    stream: bool
    usage_per_chunk: bool
    recorder: str


class Conditions(msgspec.Struct, frozen=True):
    """How it was measured."""

    max_output_tokens: int
    ttft_ms: float
    itl_ms: float
    quick: bool


class Entry(msgspec.Struct, frozen=True):
    """One calibration; `errors` are those at the highest rate carried, by ramp and metric."""

    machine: Machine
    setup: Setup
    conditions: Conditions
    ceilings: Ceilings
    errors: dict[str, dict[str, Figure]]


class _File(msgspec.Struct, frozen=True):
    format: str = FORMAT
    calibrations: list[Entry] = []


def default_path(environment: Mapping[str, str]) -> Path:
    """`calibration.json` in the user's cache (`folders.cache_folder`)."""
    return cache_folder(environment) / "calibration.json"


def this_machine() -> Machine:
    """The machine that this process runs on."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 0,
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        inferswarm=__version__,
    )


def setup_of(config: RunConfig, recorder: str) -> Setup:
    """What of a run's configuration matters, and the recorder that it really had."""
    way = route(config.target.backend, config.target.api)
    per_chunk = config.request.usage_per_chunk
    return Setup(way.backend, way.api, config.target.stream, per_chunk, recorder)


def load(path: Path) -> list[Entry]:
    """All entries of a file, none when there is no file; raises StorageError for other content."""
    try:
        held = msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise StorageError(
            f"{path}: cannot be read as calibrations ({error}); remove it and calibrate again"
        ) from None
    if held.format != FORMAT:
        raise StorageError(f"{path}: is of format {held.format!r}, this version knows {FORMAT!r}")
    return held.calibrations


def save(path: Path, entry: Entry) -> None:
    """Put an entry in the place of an older one for the same machine and setup; whole or not at all.

    Raises StorageError naming the file.
    """
    key = (entry.machine, entry.setup)
    others = [one for one in load(path) if (one.machine, one.setup) != key]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{path} could not be written: {error.strerror}") from None
    content = msgspec.json.encode(_File(calibrations=[*others, entry]))
    write_file(path, msgspec.json.format(content, indent=2) + b"\n")


def find(path: Path, machine: Machine, setup: Setup) -> Ceilings | None:
    """What was calibrated for this machine and setup, if anything; raises StorageError."""
    found = (one for one in load(path) if (one.machine, one.setup) == (machine, setup))
    return next((one.ceilings for one in found), None)


def ceilings_of_run(
    config: RunConfig, recorder: str, environment: Mapping[str, str]
) -> Ceilings | None:
    """What a run that ended here is held against, if anything.

    Nothing over https: the simulator of a calibration speaks plain HTTP. Raises StorageError.
    """
    if config.target.url.startswith("https:"):
        return None
    return find(default_path(environment), this_machine(), setup_of(config, recorder))


def _cpu() -> str:
    """The model as the system tells it."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
