"""Sealing while a run goes on."""

import contextlib
import threading
from typing import Self

from inferswarm.errors import InferswarmError, StorageError
from inferswarm.storage.folder import RunFolder
from inferswarm.storage.sealing import Amend, seal_parts

INTERVAL_S = 2.0


class Sealer:
    """Seals the closed parts of a run in a thread of its own while the context lasts.

    `trouble` says why records are no longer amended, if they are not.
    """

    def __init__(self, folder: RunFolder, amend: Amend | None = None) -> None:
        self._folder = folder
        self._amend = amend
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self.trouble = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def seal_all(self) -> None:
        """Seal every part, when the run has ended; what the disk does not allow stays as it is."""
        self._seal(all_parts=True)

    def _follow(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            self._seal(all_parts=False)

    def _seal(self, *, all_parts: bool) -> None:
        try:
            with contextlib.suppress(StorageError):  # plain parts are as readable
                seal_parts(self._folder, all_parts=all_parts, amend=self._amend)
        except InferswarmError as error:
            self.trouble, self._amend = str(error), None
            self._seal(all_parts=all_parts)
