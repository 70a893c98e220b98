"""The C server: built once, run pinned, and its log of what it really wrote and when."""

import hashlib
import shutil
import signal
import struct
import subprocess
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import pinned

SOURCE = Path(__file__).with_name("truth_server.c")
START_LIMIT_S = 10.0
END_LIMIT_S = 20.0
_MAGIC = b"ISTRUTH1"
_STREAMED = 1
_COMPLETE = 2


class BenchError(Exception):
    """What keeps the bench from going on, in one line."""


@dataclass(frozen=True, slots=True)
class Served:
    """One request as the server saw it; instants are Unix nanoseconds.

    `received_ns` is the kernel's receive time of its last byte, `token_ns[i]` the instant just before
    the write of token i, `end_ns` the end of the last write or 0 for an answer that was cut.
    """

    number: int
    received_ns: int
    first_write_ns: int
    end_ns: int
    streamed: bool
    complete: bool
    tokens: int
    token_ns: "array[int]"


@dataclass(frozen=True, slots=True)
class Truth:
    """A log: rows by time of receipt; `lost` did not fit, `own_stamps` reads had no kernel time."""

    rows: list[Served]
    lost: int
    own_stamps: int


@dataclass(frozen=True, slots=True)
class Pace:
    """When tokens are due after receipt, in microseconds; 0/0 is as fast as possible."""

    ttft_us: int = 0
    itl_us: int = 0


def compiler() -> str | None:
    """The C compiler, or None."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def build(cache: Path) -> Path:
    """The server's binary, compiled again when its source changed; raises BenchError."""
    cc = compiler()
    if cc is None:
        raise BenchError("no C compiler: install gcc or clang")
    version = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]
    binary = cache / f"truth_server-{version}"
    if not binary.exists():
        cache.mkdir(parents=True, exist_ok=True)
        scratch = binary.with_suffix(".new")
        done = subprocess.run(
            [cc, "-std=c11", "-O2", str(SOURCE), "-o", str(scratch)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise BenchError(f"{SOURCE.name} does not compile: {done.stderr.strip()}")
        scratch.replace(binary)
    return binary


@contextmanager
def running(binary: Path, pace: Pace, log: Path, cores: set[int] | None = None) -> Iterator[str]:
    """The server's URL while it runs; at the end, however it comes, the log is written."""
    command = [str(binary), "--log", str(log)]
    command += ["--ttft-us", str(pace.ttft_us), "--itl-us", str(pace.itl_us)]
    with pinned(cores):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline().split()
        if said[:1] != ["listening"]:
            raise BenchError("the truth server did not start")
        yield f"http://127.0.0.1:{said[1]}"
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def read_log(path: Path) -> Truth:
    """A log as the server wrote it; raises BenchError when it is absent or cut."""
    try:
        content = path.read_bytes()
        if content[: len(_MAGIC)] != _MAGIC:
            raise BenchError(f"{path}: not a truth log")
        count, lost, own = struct.unpack_from("=3Q", content, len(_MAGIC))
        at = len(_MAGIC) + 24
        rows = []
        for _ in range(count):
            row, at = _row(content, at)
            rows.append(row)
    except (OSError, struct.error) as error:
        raise BenchError(f"{path}: {error}") from error
    rows.sort(key=lambda row: row.received_ns)
    return Truth(rows, lost, own)


def _row(content: bytes, at: int) -> tuple[Served, int]:
    number, received, first, end, flags, tokens, times = struct.unpack_from("=7Q", content, at)
    at += 56
    token_ns = array("Q")
    token_ns.frombytes(content[at : at + 8 * times])
    row = Served(
        number=number,
        received_ns=received,
        first_write_ns=first,
        end_ns=end,
        streamed=bool(flags & _STREAMED),
        complete=bool(flags & _COMPLETE),
        tokens=tokens,
        token_ns=token_ns,
    )
    return row, at + 8 * times
