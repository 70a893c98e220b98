"""How far a long reading is, for whoever shows it."""

from typing import BinaryIO, Protocol


class Progress(Protocol):
    """Called now and then: what is done, how much of it, and of how much (0: nobody knows)."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show it."""


def silent(what: str, done: int, total: int) -> None:
    """Show nothing."""


class Place:
    """How far a file is read, seen from outside of its readers."""

    def __init__(self, file: BinaryIO | None = None, size: int = 0) -> None:
        self._file = file
        self.size = size

    @property
    def done(self) -> int:
        """Bytes read so far."""
        return self._file.tell() if self._file is not None and not self._file.closed else 0
