"""Sealed parts on their way while a run goes on: here, or on a worker's machine elsewhere."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from inferswarm.delivery.manifest import entry_of
from inferswarm.delivery.sending import Sender
from inferswarm.storage.folder import CLOSED_SUFFIX, OPEN_SUFFIX, RunFolder, closed_name, worker_of
from inferswarm.storage.sealing import compress, is_being_written
from inferswarm.stores.errors import StoreError


class Parts(Protocol):
    """Where sealed parts come from."""

    def ready(self, done: set[str]) -> list[str]:
        """Names of the sealed parts that can be sent now, those `done` left out, in order."""

    def source(self, name: str) -> contextlib.AbstractContextManager[RunFolder]:
        """A run folder that has this part while the context lasts."""


class SealedParts:
    """The sealed parts of a run on this machine, where the run itself seals them."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def ready(self, done: set[str]) -> list[str]:
        """All that are sealed: a sealed part appears whole."""
        names = (path.name for path in self._folder.records.glob(f"[!.]*{CLOSED_SUFFIX}"))
        return sorted(name for name in names if name not in done)

    @contextlib.contextmanager
    def source(self, name: str) -> Iterator[RunFolder]:
        """The run's folder itself."""
        yield self._folder


class KeptParts:
    """The parts that a worker of another machine keeps until its master has them.

    They stay as they are: the master gets them plain, and seals them itself. What is sent is a copy.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ready(self, done: set[str]) -> list[str]:
        """Those that are closed: not the newest of a living worker."""
        by_worker: dict[str, list[Path]] = {}
        for path in sorted(self._folder.glob(f"*{OPEN_SUFFIX}")):
            by_worker.setdefault(worker_of(path.name), []).append(path)
        found = []
        for paths in by_worker.values():
            closed = paths[:-1] if is_being_written(paths[-1]) else paths
            found += [closed_name(path.name) for path in closed]
        return [name for name in found if name not in done]

    @contextlib.contextmanager
    def source(self, name: str) -> Iterator[RunFolder]:
        """A passing folder with the compressed copy; raises OSError when the part is gone."""
        plain = self._folder / f"{name.removesuffix(CLOSED_SUFFIX)}{OPEN_SUFFIX}"
        with tempfile.TemporaryDirectory(prefix="inferswarm-part-") as scratch:
            passing = RunFolder(Path(scratch))
            passing.records.mkdir()
            compress(plain, passing.records / name)
            yield passing


class Follower:
    """Sends each sealed part once, as soon as it is there."""

    def __init__(self, parts: Parts, sender: Sender) -> None:
        self._parts = parts
        self._sender = sender
        self._done: set[str] = set()

    @property
    def sent(self) -> int:
        """How many parts are done with."""
        return len(self._done)

    def send_ready(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Send what is ready, until `stopping`; how many. Raises StoreError, and goes on from there."""
        count = 0
        for name in self._parts.ready(self._done):
            if stopping():
                break
            self._send(name)
            self._done.add(name)
            count += 1
        return count

    def _send(self, name: str) -> None:
        try:
            with self._parts.source(name) as folder:
                entry = entry_of(folder, f"records/{name}")
                self._sender.send(folder.path / entry.path, entry)
        except FileNotFoundError:
            return  # the master took it meanwhile
        except OSError as error:
            raise StoreError(f"{name} could not be compressed: {error.strerror}") from None
