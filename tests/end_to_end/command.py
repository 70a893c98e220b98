"""Running the real command as a user would, in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from inferswarm.records import Record
from inferswarm.snapshot import Snapshot
from inferswarm.storage import Reading, RunFolder, read_records

LIMIT_S = 90


@dataclass(frozen=True)
class Ended:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def last_error(self) -> str:
        """The one line that an error ends in."""
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""


@contextmanager
def started(*arguments: str | int | Path, **options: object) -> Iterator[subprocess.Popen[str]]:
    """`inferswarm ARGUMENTS` while the context lasts; killed with all it started if it outlives it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "inferswarm", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,  # type: ignore[call-overload]
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def command(*arguments: str | int | Path, **options: object) -> Ended:
    """Run to the end."""
    with started(*arguments, **options) as process:
        out, err = process.communicate(timeout=LIMIT_S)
    return Ended(process.returncode, out, err)


def finish(process: subprocess.Popen[str]) -> Ended:
    """Wait for a started command."""
    out, err = process.communicate(timeout=LIMIT_S)
    return Ended(process.returncode, out, err)


def summary_of(folder: Path) -> Snapshot:
    """The numbers that a run left."""
    return msgspec.json.decode((folder / "summary.json").read_bytes(), type=Snapshot)


def records_of(folder: Path) -> list[Record]:
    """The records that a run left, in the order of their arrivals."""
    return sorted(read_records(RunFolder(folder), Reading()), key=lambda record: record.k)


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that the command does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the command did not come so far"
        time.sleep(0.05)


def record_lines(folder: Path) -> int:
    """Complete lines in the open parts of a run that still goes."""
    parts = (folder / "records").glob("*.jsonl")
    return sum(part.read_bytes().count(b"\n") for part in parts)


def children_of(pid: int) -> list[int]:
    """Processes started by a process, itself left out."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def family_of(pid: int) -> list[int]:
    """A process and all that it started, and they."""
    return [pid, *(one for child in children_of(pid) for one in family_of(child))]


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that answers whatever is asked with the same bytes, or keeps silent for none."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        open_ones: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                open_ones.append(connection)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        def talk(connection: socket.socket) -> None:
            try:
                while connection.recv(65536) and answer:
                    connection.sendall(answer)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in open_ones:
                connection.close()
