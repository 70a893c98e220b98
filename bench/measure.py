"""One run of one client under one load: server on one core, client tree on the other."""

import hashlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import inferswarm
from bench import figures, machine, truth
from bench.clients.row import Client
from bench.figures import Figures, Measured
from bench.loads import Load

SOURCES = Path(inferswarm.__file__).parent
COUNTED_LIMIT_S = 180.0


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and on what a bench runs."""

    binary: Path
    scratch: Path
    server_cores: set[int]
    client_cores: set[int]


def measure(bench: Bench, client: Client, load: Load, out: Path) -> Figures:
    """Play one load; `out` is an empty folder of this run's own. Raises BenchError."""
    log = out / "truth.bin"
    with truth.running(bench.binary, load.pace, log, bench.server_cores) as url:
        launched_ns, ended_ns, samples = _play(bench, client, load, url, out)
    run = Measured(launched_ns, ended_ns, samples, truth.read_log(log), list(client.reported(out)))
    found = figures.of(load, run)
    return found | client.notes(out) if found else found


def _play(
    bench: Bench, client: Client, load: Load, url: str, out: Path
) -> tuple[int, int, machine.Samples]:
    """(launch, end, samples) of the client's process tree; raises BenchError when it fails."""
    account = machine.open_account()
    limit_s = client.patience_s + load.duration_s if load.requests is None else COUNTED_LIMIT_S
    said = out / "client.log"
    try:
        with said.open("wb") as log, machine.pinned(bench.client_cores):
            launched_ns = time.time_ns()
            process = subprocess.Popen(
                account.wrap(client.command(load, url, out)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,
            )
        try:
            if isinstance(account, machine.TreeAccount):
                account.follow(process.pid)
            samples = machine.watch(process, account, limit_s, memory=load.kind == "memory")
        finally:
            machine.kill(process, account)
        if process.returncode == -signal.SIGKILL:
            raise truth.BenchError(f"{client.name} was killed, at the latest after {limit_s:.0f} s")
        if process.returncode:
            tail = said.read_text(errors="replace").strip().splitlines()[-3:]
            raise truth.BenchError(f"{client.name} ended with {process.returncode}: {tail}")
        return launched_ns, time.time_ns(), samples
    finally:
        account.close()


def revision() -> str:
    """A digest of inferswarm's sources: rows of two digests are not one table."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        if path.suffix in (".py", ".c", ".h", ".so"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _environment() -> dict[str, str]:
    """Ours without variables that would change what a client does."""
    ours = ("INFERSWARM_", "LOCUST_", "BACKEND", "TARGET_HOST", "MAX_OUTPUT_LEN", "GCS_PATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
