"""All rows of the bench, and how each is started here."""

import json
import subprocess
import sys
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.clients.row import Client, Reported
from bench.clients.samples import read_samples
from bench.clients.script import Task
from bench.loads import Load
from inferswarm.config.tree import LoadOptions
from inferswarm.storage import Reading, RunFolder, read_records

BASE = "fasthttpuser"
ROOT = Path(__file__).parents[2]
AIOHTTP = "aiohttp==3.14.*"
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Inferswarm:
    """The real command, with one worker."""

    name: str
    recorder: str = ""
    patience_s: float = PATIENCE_S

    def plays(self, load: Load) -> bool:
        """All loads."""
        return True

    def missing(self) -> str:
        """Always there."""
        return ""

    def prepare(self) -> None:
        """Nothing."""

    def command(self, load: Load, url: str, out: Path) -> list[str]:
        """`python -m inferswarm run ...`."""
        words = [sys.executable, "-m", "inferswarm", "run", "--target", url]
        if load.rate_per_s:
            words += ["--rate", f"{load.rate_per_s}/s"]
        else:
            words += ["--users", str(load.users), "--spawn-rate", f"{load.users}/s"]
        words += ["--max-output-tokens", str(load.tokens)]
        words += ["--out", str(out / "run"), "--set", "load.workers=1"]
        words += ["--stream" if load.stream else "--no-stream"]
        if load.requests:
            words += ["--requests", str(load.requests)]
        else:
            words += ["--duration", f"{load.duration_s}s"]
        return words + (["--set", f"load.recorder={self.recorder}"] if self.recorder else [])

    def reported(self, out: Path) -> Iterator[Reported]:
        """From its records."""
        for record in read_records(RunFolder(out / "run"), Reading()):
            if record.ok:
                yield Reported(record.sent_ns, record.chunk_ns, record.due_ns)

    def notes(self, out: Path) -> dict[str, float]:
        """How many answers at most waited to be read, and merged reads."""
        said = json.loads((out / "run" / "client.json").read_bytes())
        return {"parse_backlog_max": float(said.get("parse_backlog_max", 0))}


@dataclass(frozen=True, slots=True)
class Scripted:
    """A small client of ours beside this file, in the interpreter that has its library."""

    name: str
    python: str
    start: tuple[str, ...]
    needs: str
    patience_s: float = PATIENCE_S

    def plays(self, load: Load) -> bool:
        """Closed loops; an open one it could only imitate."""
        return not load.rate_per_s

    def missing(self) -> str:
        """Whether its library can be imported."""
        if not Path(self.python).exists():
            return f"{self.needs} is not installed: python -m bench --install {self.name}"
        done = subprocess.run(
            [self.python, "-c", f"import {self.needs}"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        return "" if done.returncode == 0 else f"{self.python} has no {self.needs}"

    def prepare(self) -> None:
        """Nothing."""

    def command(self, load: Load, url: str, out: Path) -> list[str]:
        """Its script, with the load in the environment."""
        task = Task(
            url, out, load.users, load.tokens, load.stream, load.duration_s, load.requests or 0
        )
        fill = {"url": url, "users": str(load.users), "seconds": f"{load.duration_s:g}s"}
        words = [word.format(**fill) for word in self.start]
        if load.requests and "--run-time" in words:
            at = words.index("--run-time")
            del words[at : at + 2]
        return ["/usr/bin/env", f"PYTHONPATH={ROOT}", *task.words(), self.python, *words]

    def reported(self, out: Path) -> Iterable[Reported]:
        """From its samples."""
        return [Reported(sent, tokens) for sent, tokens in read_samples(out / "samples.bin")]

    def notes(self, out: Path) -> dict[str, float]:
        """Nothing."""
        return {}


def clients(cache: Path, aiohttp_python: str | None) -> list[Client]:
    """The rows; one for each recorder that this inferswarm can be told to use."""
    here = Path(__file__).parent
    locust = ["-m", "locust", "-f", str(here / "fasthttpuser_script.py"), "--headless"]
    locust += ["-u", "{users}", "-r", "{users}", "--host", "{url}", "--only-summary"]
    locust += ["--run-time", "{seconds}"]
    aiohttp = aiohttp_python or str(venv(cache) / "bin" / "python")
    return [
        *_recorders(),
        Scripted(BASE, sys.executable, tuple(locust), "locust"),
        Scripted("aiohttp", aiohttp, (str(here / "aiohttp_script.py"),), "aiohttp"),
    ]


def venv(cache: Path) -> Path:
    """Where libraries live that inferswarm itself does not need."""
    return cache / "aiohttp"


def install(cache: Path) -> None:
    """Make that environment; needs a package index."""
    subprocess.run([sys.executable, "-m", "venv", str(venv(cache))], check=True, timeout=120)
    pip = str(venv(cache) / "bin" / "pip")
    subprocess.run([pip, "install", "--quiet", AIOHTTP], check=True, timeout=600)


def _recorders() -> list[Client]:
    field = LoadOptions.model_fields.get("recorder")
    if field is None:
        return [Inferswarm("inferswarm")]
    chosen = [str(kind) for kind in typing.get_args(field.annotation) if kind != "auto"]
    return [Inferswarm(f"inferswarm-{kind}", kind) for kind in chosen]
