"""Reading a run's records, plain and compressed parts alike."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import zstandard

from inferswarm.records import Record, decode_header, decode_lines
from inferswarm.storage.folder import CLOSED_SUFFIX, OPEN_SUFFIX, RunFolder, closed_name

_PIECE_BYTES = 1 << 16


@dataclass(slots=True)
class Reading:
    """What was met while reading a run's records."""

    parts: int = 0
    damaged_lines: int = 0
    unreadable_parts: list[str] = field(default_factory=list)
    recorder: str = ""
    clock: str = ""


class _AnyRecord(msgspec.Struct):
    """As much of a record as tells that it is one."""

    k: int
    end_ns: int


_any_record = msgspec.json.Decoder(_AnyRecord)


def read_records(folder: RunFolder, reading: Reading) -> Iterator[Record]:
    """All records of a run; `reading` is filled on the way.

    A line cut by a kill, or a part that cannot be read to its end, costs only itself.
    """
    for path in parts_of(folder):
        reading.parts += 1
        try:
            lines = lines_of(path)
            header = decode_header(next(lines, b""))
            reading.recorder, reading.clock = header.recorder, header.clock
            for record in decode_lines(lines):
                if record is None:
                    reading.damaged_lines += 1
                else:
                    yield record
        except (OSError, ValueError, zstandard.ZstdError) as error:
            reading.unreadable_parts.append(f"{path.name}: {error}")


def count_records(path: Path) -> int:
    """How many records of a part can be read."""
    count = 0
    try:
        lines = lines_of(path)
        next(lines, b"")
        for line in lines:
            try:
                _any_record.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            count += 1
    except (OSError, ValueError, zstandard.ZstdError):
        pass  # what came before the damage counts, as it does for a reader
    return count


def parts_of(folder: RunFolder) -> list[Path]:
    """The parts of a run in order; of one that is there in both forms, the compressed one."""
    closed = {
        path.name.removesuffix(CLOSED_SUFFIX): path
        for path in folder.records.glob(f"*{CLOSED_SUFFIX}")
    }
    still_open = {
        path.name.removesuffix(OPEN_SUFFIX): path for path in folder.records.glob(f"*{OPEN_SUFFIX}")
    }
    both = {**still_open, **closed}
    return [path for name, path in sorted(both.items()) if path.is_file() and name[0] != "."]


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a part; raises ValueError or ZstdError where a compressed one is damaged or cut."""
    if not path.name.endswith(CLOSED_SUFFIX):
        try:
            with path.open("rb") as plain:
                yield from plain
        except FileNotFoundError:
            path = path.with_name(closed_name(path.name))  # it was sealed since it was listed
        else:
            return
    with path.open("rb") as packed:
        yield from _split(_unpacked(iter(lambda: packed.read(_PIECE_BYTES), b"")))


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    for piece in pieces:
        yield unpacker.decompress(piece)
        if unpacker.eof:
            return
    raise ValueError("it is cut short")


def _split(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        yield rest
