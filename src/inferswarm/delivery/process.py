"""The process that brings results away, as its parent sees it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec

from inferswarm import children
from inferswarm.delivery.retrying import PATIENCE_S
from inferswarm.delivery.sending import Progress
from inferswarm.errors import StorageError
from inferswarm.stores import Uri

LOG_NAME = ".upload.log"
END_LIMIT_S = 5.0
_SOURCES = str(Path(__file__).resolve().parents[2])


class Job(msgspec.Struct, frozen=True):
    """What to bring where: a run folder, or with `parts_only` a worker's folder of kept parts."""

    folder: str
    place: str
    parts_only: bool = False
    patience_s: float = PATIENCE_S


class Uploader:
    """`python -m inferswarm.delivery` while the context lasts; it ends with us, however we end."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id; 0 when it does not run."""
        return self._process.pid if self._process else 0

    @property
    def _log(self) -> Path:
        return Path(self._job.folder, LOG_NAME)

    @classmethod
    def of_run(cls, folder: Path, place: Uri, patience_s: float = PATIENCE_S) -> "Uploader":
        """One that follows a run on this machine."""
        return cls(Job(str(folder.resolve()), str(place), patience_s=patience_s))

    def __enter__(self) -> Self:
        if self._process is None:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Begin to follow the folder."""
        path = os.pathsep.join(filter(None, [_SOURCES, os.environ.get("PYTHONPATH")]))
        with contextlib.ExitStack() as opened:
            # What lies in a worker's folder goes to its master, so that no log may lie there.
            log = None if self._job.parts_only else opened.enter_context(self._log.open("ab"))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "inferswarm.delivery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # The terminal's Ctrl-C is for us, which decide what it means.
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": path},
            )
        self._tell(msgspec.json.encode(self._job) + b"\n")

    def finish(self, show: Callable[[Progress], None] = lambda _: None) -> int:
        """Nothing more will be written: wait until all has arrived; how many files were sent now.

        Raises StorageError saying why not all of it arrived.
        """
        assert self._process is not None, "it was started"
        assert self._process.stdout is not None, "its output is a pipe"
        self._tell(b"finish\n")
        for line in self._process.stdout:
            match msgspec.json.decode(line):
                case {"event": "progress", **facts}:
                    show(msgspec.convert(facts, Progress))
                case {"event": "done", "sent": int(sent)}:
                    return sent
                case {"event": "failed", "error": error}:
                    raise StorageError(str(error))
        raise StorageError(f"the process that uploads ended unexpectedly; see {self._log}")

    def close(self) -> None:
        """End it, whatever it has done."""
        process, self._process = self._process, None
        if process is not None:
            children.end([process], END_LIMIT_S)

    def _tell(self, line: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it is gone; the end of its output says so
