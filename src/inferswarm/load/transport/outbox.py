"""What a connection has yet to write, where nobody may wait until the socket takes it."""

from collections.abc import Callable
from typing import Any

from gevent import get_hub

_WRITE = 2


class Outbox:
    """Writes in order: at once what the socket takes, the rest from the hub as room comes."""

    def __init__(self, some: Callable[[bytes], int], fileno: Callable[[], int]) -> None:
        """`some` writes what the socket takes at once and gives how much; it raises OSError."""
        self._some, self._fileno = some, fileno
        self._waiting = b""
        self._watcher: Any = None

    @property
    def full(self) -> bool:
        """Whether something waits."""
        return bool(self._waiting)

    def put(self, data: bytes) -> None:
        """Write in turn; raises OSError when the connection is gone."""
        if self._waiting:
            self._waiting += data
            return
        self._waiting = data[self._some(data) :]
        if self._waiting:
            self._watcher = get_hub().loop.io(self._fileno(), _WRITE)
            self._watcher.start(self._on_writable)

    def close(self) -> None:
        """Forget what waits; safe to call twice."""
        self._waiting = b""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
            watcher.close()

    def _on_writable(self) -> None:
        try:
            self._waiting = self._waiting[self._some(self._waiting) :]
        except OSError:
            self._waiting = b""  # who reads is told of it too
        if not self._waiting:
            self.close()
