"""Facts about files over blocks: every byte once, a block at a time, from anywhere."""

import io
import itertools

from inferswarm.stores.blocks import open_blocks
from inferswarm.stores.bounds import BLOCK_BYTES

DATA = bytes(range(256)) * (BLOCK_BYTES // 256 * 2) + b"the end"


def test_reading_fetches_each_block_once_in_order() -> None:
    """A file read from start to end is whole, and its blocks are asked for once each."""
    asked: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> bytes:
        asked.append((start, end))
        return DATA[start:end]

    with open_blocks(len(DATA), fetch) as file:
        assert file.read() == DATA
        assert file.read(1) == b""
    steps = (0, BLOCK_BYTES, 2 * BLOCK_BYTES, len(DATA))
    assert asked == list(itertools.pairwise(steps))


def test_seeking_reads_from_there() -> None:
    """The end of a large file is read without its start, as readers of Parquet do."""
    asked: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> bytes:
        asked.append((start, end))
        return DATA[start:end]

    with open_blocks(len(DATA), fetch) as file:
        assert file.seek(-7, io.SEEK_END) == len(DATA) - 7
        assert file.read() == b"the end"
        assert file.seek(3) == 3
        assert file.read(2) == b"\x03\x04"
        assert file.tell() == 5
        assert file.seek(1, io.SEEK_CUR) == 6
        assert file.seekable()
        assert file.readable()
    assert asked[0] == (len(DATA) - 7, len(DATA))


def test_an_empty_object_asks_for_nothing() -> None:
    """No request is made for no bytes."""
    with open_blocks(0, lambda start, end: bytes(end - start + 1)) as file:
        assert file.read() == b""


def test_lines_come_as_from_any_file() -> None:
    """A file over blocks can be read line by line."""
    with open_blocks(6, lambda start, end: b"a\nb\nc\n"[start:end]) as file:
        assert list(file) == [b"a\n", b"b\n", b"c\n"]
