"""What is said between a run and its tokenizer process: MessagePack with its length before it."""

from typing import IO, Literal

import msgspec

_LENGTH_BYTES = 4


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """One batch: texts to count or to encode, or lists of ids to decode."""

    what: Literal["count", "encode", "decode"]
    texts: list[str] = []
    ids: list[list[int]] = []


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of it, or the one line that says why nothing did."""

    error: str = ""
    counts: list[int] = []
    texts: list[str] = []
    ids: list[list[int]] = []


class Hello(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first word of the process: what it loaded, or why it could not."""

    error: str = ""
    vocabulary_size: int = 0
    special_ids: list[int] = []


def write(stream: IO[bytes], value: Ask | Reply | Hello) -> None:
    """Send a message; raises OSError when nobody listens any more."""
    data = msgspec.msgpack.encode(value)
    stream.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
    stream.flush()


def read(stream: IO[bytes]) -> bytes | None:
    """The next message; None when the other side is gone."""
    head = stream.read(_LENGTH_BYTES)
    if len(head) < _LENGTH_BYTES:
        return None
    size = int.from_bytes(head, "big")
    data = stream.read(size)
    return data if len(data) == size else None
