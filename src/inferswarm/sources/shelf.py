"""Many prompts beside a plan: one compressed file for all workers of this machine.

In the plan itself, each worker would be sent a copy of its own: 50 MB for four of them took seconds.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from inferswarm.prompts import Prompt
from inferswarm.storage import write_file

NAME = ".prompts.msgpack.zst"
SMALL_BYTES = 1 << 20


@contextlib.contextmanager
def shelved(prompts: Sequence[Prompt], folder: Path) -> Iterator[dict[str, Any]]:
    """What a plan says of its prompts: themselves, or when they are many the file that has them.

    The file is in `folder` until the end of the block. Raises StorageError when it cannot be written.
    """
    packed = msgspec.msgpack.encode(prompts)
    if len(packed) <= SMALL_BYTES:
        yield {"prompts": prompts}
        return
    path = (folder / NAME).resolve()
    write_file(path, zstandard.ZstdCompressor(level=1).compress(packed))
    del packed
    try:
        yield {"prompts": [], "prompts_file": str(path)}
    finally:
        path.unlink(missing_ok=True)


def taken(file: str) -> list[Prompt]:
    """The prompts of such a file; raises OSError when it is gone."""
    packed = zstandard.ZstdDecompressor().decompress(Path(file).read_bytes())
    return msgspec.msgpack.decode(packed, type=list[Prompt])
