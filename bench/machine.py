"""The machine's side of a measurement: cores, and the CPU and memory of a whole process tree."""

import contextlib
import os
import subprocess
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

SAMPLE_INTERVAL_S = 0.05
MEMORY_EVERY = 10
_V1 = Path("/sys/fs/cgroup/cpuacct")
_V2_ROOTS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
_NS_PER_S = 1_000_000_000


@contextmanager
def pinned(cores: set[int] | None) -> Iterator[None]:
    """Processes started inside inherit these cores; this one has its own back afterwards."""
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Account(Protocol):
    """The CPU time of a process tree, ended processes included."""

    kind: str

    def wrap(self, command: Sequence[str]) -> list[str]:
        """The command that runs `command` on this account."""

    def used_ns(self) -> int:
        """CPU time so far, user and system."""

    def pids(self) -> list[int]:
        """The processes that run now."""

    def close(self) -> None:
        """Give the account up; nothing runs on it any more."""


class GroupAccount:
    """A control group of our own: exact to the nanosecond (v1) or microsecond (v2)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._v1 = (folder / "cpuacct.usage").exists()
        self.kind = "cgroup cpuacct" if self._v1 else "cgroup v2"

    def wrap(self, command: Sequence[str]) -> list[str]:
        """A shell that moves itself into the group, then becomes the command."""
        script = 'echo $$ > "$0" && exec "$@"'
        return ["/bin/sh", "-c", script, str(self._folder / "cgroup.procs"), *command]

    def used_ns(self) -> int:
        """The group's own count."""
        if self._v1:
            return int((self._folder / "cpuacct.usage").read_text())
        usage = (self._folder / "cpu.stat").read_text().split("\n", 1)[0]
        return int(usage.split()[1]) * 1_000

    def pids(self) -> list[int]:
        """Members of the group."""
        return [int(line) for line in (self._folder / "cgroup.procs").read_text().split()]

    def close(self) -> None:
        """Remove the group; a process that is still ending keeps it for a moment."""
        for _ in range(100):
            with contextlib.suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(0.02)


class TreeAccount:
    """Sums over /proc: ticks of 10 ms, and children that ended as far as their parents waited."""

    kind = "/proc"

    def __init__(self) -> None:
        self._root: psutil.Process | None = None
        self._last_ns: dict[int, int] = {}

    def wrap(self, command: Sequence[str]) -> list[str]:
        """Nothing is put around it."""
        return list(command)

    def follow(self, pid: int) -> None:
        """The root of the tree."""
        self._root = psutil.Process(pid)

    def used_ns(self) -> int:
        """A process that was seen and is gone counts with what it had at the last look."""
        for pid in self.pids():
            with contextlib.suppress(psutil.Error):
                times = psutil.Process(pid).cpu_times()
                self._last_ns[pid] = round((times.user + times.system) * _NS_PER_S)
        return sum(self._last_ns.values())

    def pids(self) -> list[int]:
        """The root and all below it."""
        if self._root is None:
            return []
        with contextlib.suppress(psutil.Error):
            return [self._root.pid, *(child.pid for child in self._root.children(recursive=True))]
        return []

    def close(self) -> None:
        """Nothing was made."""


def open_account() -> Account:
    """A control group where this process may make one, else sums over /proc."""
    name = f"inferswarm-bench-{os.getpid()}-{time.monotonic_ns()}"
    roots = [_V1, *(root for root in _V2_ROOTS if _has_cpu(root))]
    for root in roots:
        with contextlib.suppress(OSError):
            return GroupAccount(root / name)
    return TreeAccount()


def _has_cpu(root: Path) -> bool:
    """Whether groups below count CPU time: every v2 group does, in its `cpu.stat`."""
    return (root / "cgroup.controllers").exists() and (root / "cpu.stat").exists()


@dataclass(slots=True)
class Samples:
    """Readings of an account; `at_ns` are Unix nanoseconds, memory is read less often."""

    at_ns: list[int] = field(default_factory=list)
    cpu_ns: list[int] = field(default_factory=list)
    memory_at_ns: list[int] = field(default_factory=list)
    memory_bytes: list[int] = field(default_factory=list)

    def cpu_between(self, start_ns: int, end_ns: int) -> float:
        """CPU nanoseconds used between two instants."""
        return between(self.at_ns, self.cpu_ns, end_ns) - between(self.at_ns, self.cpu_ns, start_ns)

    def memory_at(self, instant_ns: int) -> float:
        """Bytes held by the whole tree at an instant, shared pages counted once."""
        return between(self.memory_at_ns, self.memory_bytes, instant_ns)


def between(at: Sequence[int], values: Sequence[int], instant: int) -> float:
    """The value at an instant, read off the line between its neighbours; the ends are flat."""
    after = bisect_left(at, instant)
    if after == 0:
        return float(values[0]) if values else 0.0
    if after == len(at):
        return float(values[-1])
    share = (instant - at[after - 1]) / (at[after] - at[after - 1])
    return values[after - 1] + share * (values[after] - values[after - 1])


def watch(
    process: subprocess.Popen[bytes], account: Account, limit_s: float, *, memory: bool
) -> Samples:
    """Sample until the process ends; after `limit_s` its tree is killed."""
    samples = Samples()
    end = time.monotonic() + limit_s
    beat = 0
    while process.poll() is None:
        if time.monotonic() > end:
            kill(process, account)
        _read(samples, account, memory=memory and beat % MEMORY_EVERY == 0)
        beat += 1
        time.sleep(SAMPLE_INTERVAL_S)
    _read(samples, account, memory=False)
    return samples


def kill(process: subprocess.Popen[bytes], account: Account) -> None:
    """End a process and all it started."""
    for pid in account.pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.wait()


def _read(samples: Samples, account: Account, *, memory: bool) -> None:
    samples.at_ns.append(time.time_ns())
    samples.cpu_ns.append(account.used_ns())
    if memory:
        samples.memory_at_ns.append(time.time_ns())
        samples.memory_bytes.append(sum(_pss(pid) for pid in account.pids()))


def _pss(pid: int) -> int:
    with contextlib.suppress(psutil.Error, OSError):
        return int(psutil.Process(pid).memory_full_info().pss)
    return 0


def busy(cores: set[int], span_s: float = 0.5) -> float:
    """Share of these cores that others use right now, 0 to 1."""
    shares = psutil.cpu_percent(span_s, percpu=True)
    return sum(shares[core] for core in cores if core < len(shares)) / (100 * len(cores))
