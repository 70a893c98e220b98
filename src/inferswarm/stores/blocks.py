"""A file over blocks that are fetched when they are read."""

import io
from collections.abc import Callable
from typing import BinaryIO, Final

from inferswarm.stores.bounds import BLOCK_BYTES

_PIECE_BYTES: Final = 1 << 16


class _Blocks(io.RawIOBase):
    def __init__(self, size: int, fetch: Callable[[int, int], bytes]) -> None:
        self._size, self._fetch = size, fetch
        self._position = self._start = 0
        self._block = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._position >= self._size:
            return 0
        inside = self._position - self._start
        if not 0 <= inside < len(self._block):
            self._start, inside = self._position, 0
            end = min(self._position + BLOCK_BYTES, self._size)
            self._block = b""  # two blocks at once would double the memory
            self._block = self._fetch(self._position, end)
        piece = memoryview(self._block)[inside : inside + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)


def open_blocks(size: int, fetch: Callable[[int, int], bytes]) -> BinaryIO:
    """Open `size` bytes for reading and seeking; `fetch(start, end)` gives exactly those bytes."""
    return io.BufferedReader(_Blocks(size, fetch), _PIECE_BYTES)
