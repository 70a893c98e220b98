"""Record files on their way from workers of other machines to the master, after the load.

worker                                       master
  {name, offset, data, end} ------------------> writes it at that place
  <-------------------------- {name, offset}    and says so
  {name: ""} (all files are sent) ------------>
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import zstandard
from gevent.event import Event

PIECE_BYTES = 1 << 20
SEND_AGAIN_S = 5.0
TRIES = 6
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")


class PartsSender:
    """The worker's side: one piece at a time, again until the master has written it."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send
        self._written = Event()
        self._waits_for: tuple[str, int] = ("", 0)

    def send_all(self, folder: Path) -> bool:
        """Send every file of a folder; whether the master has them all."""
        for path in sorted(folder.iterdir()):
            for offset, data in _pieces(path):
                piece = {"name": path.name, "offset": offset, "data": zstandard.compress(data)}
                if not self._deliver(piece):
                    return False
        return self._deliver({"name": "", "offset": 0, "data": b""})

    def acknowledged(self, name: str, offset: int) -> None:
        """The master has written a piece."""
        if (name, offset) == self._waits_for:
            self._written.set()

    def _deliver(self, piece: dict[str, Any]) -> bool:
        self._waits_for = (piece["name"], piece["offset"])
        self._written.clear()
        for _ in range(TRIES):
            self._send(piece)
            if self._written.wait(SEND_AGAIN_S):
                return True
        return False


class PartsReceiver:
    """The master's side: puts pieces where they belong."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: set[str] = set()
        self._heard_s = time.monotonic()

    def receive(self, worker: str, piece: Mapping[str, Any]) -> dict[str, Any] | None:
        """Write a piece; what to acknowledge, None for a name that is no record file's."""
        name, offset = str(piece["name"]), int(piece["offset"])
        self._heard_s = time.monotonic()
        if not name:
            self._done.add(worker)
        elif not _NAME.issuperset(name) or not name.startswith("w") or offset < 0:
            return None
        else:
            fd = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.pwrite(fd, zstandard.decompress(piece["data"]), offset)
            finally:
                os.close(fd)
        return {"name": name, "offset": offset}

    def silent_s(self) -> float:
        """Seconds since the last piece came."""
        return time.monotonic() - self._heard_s

    def all_from(self, workers: Iterable[str]) -> bool:
        """Whether everything from these has come."""
        return not self.missing_from(workers)

    def missing_from(self, workers: Iterable[str]) -> list[str]:
        """Those of which not everything has come."""
        return [worker for worker in workers if worker not in self._done]


def _pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of a file."""
    offset = 0
    with path.open("rb") as source:
        while data := source.read(PIECE_BYTES):
            yield offset, data
            offset += len(data)
