"""Compressed files as streams: gzip and Zstandard, told by their first bytes."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import zstandard

from inferswarm.errors import InputError

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
SUFFIXES = (".gz", ".zst")
_PIECE_BYTES = 1 << 17
_PACKED_BYTES = 1 << 15


@contextmanager
def unpacked(file: BinaryIO) -> Iterator[io.BufferedReader]:
    """The content of a file from its start, decompressed where it is compressed; closes the file."""
    with _buffered(file) as plain:
        head = plain.peek(4)
        if head.startswith(GZIP):
            with _buffered(gzip.GzipFile(fileobj=plain)) as content:
                yield content
        elif head.startswith(ZSTD):
            with _buffered(_Zstd(plain)) as content:
                yield content
        else:
            yield plain


def _buffered(raw: object) -> io.BufferedReader:
    return io.BufferedReader(cast("io.RawIOBase", raw), _PIECE_BYTES)


@contextmanager
def whole(name: str) -> Iterator[None]:
    """Raises InputError naming the file when what is read inside proves cut or damaged."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise InputError(
            f"{name}: its compressed content is cut or damaged ({error}); write it again"
        ) from None


class _Zstd(io.RawIOBase):
    """Frames one after another; unlike the library's reader it notices when the last one is cut."""

    def __init__(self, packed: io.BufferedReader) -> None:
        super().__init__()
        self._packed = packed
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, target: object) -> int:
        """Fill `target`, at least in part; 0 at the end."""
        while not self._ready:
            piece = self._frame.unused_data or self._packed.read(_PACKED_BYTES)
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
                self._begun = False
            if not piece:
                if self._begun:
                    raise EOFError("it ends within a Zstandard frame")
                return 0
            self._begun = True
            self._ready = memoryview(self._frame.decompress(piece))
        view = memoryview(target).cast("B")  # type: ignore[arg-type]  # a writable buffer
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
