"""Run folders with records, for the tests of their parts."""

from pathlib import Path

from inferswarm.records import Record
from inferswarm.storage import (
    Reading,
    RecordWriter,
    RunFolder,
    read_records,
)
from tests.builders import record

MANY_BYTES = 1 << 30


def written(path: Path, records: list[Record], *, part_bytes: int = MANY_BYTES) -> RunFolder:
    """A run folder in which one worker wrote these records."""
    folder = RunFolder.create(path)
    fill(folder, 0, records, part_bytes=part_bytes)
    return folder


def fill(folder: RunFolder, worker: int, records: list[Record], *, part_bytes: int) -> None:
    """Let one worker write these records."""
    writer = RecordWriter(
        folder.records, "r", worker, part_bytes, recorder="reader thread", clock="kernel"
    )
    for one in records:
        writer.write([one])
    writer.close()
    assert writer.trouble == ""
    assert writer.unwritten == 0


def read(folder: RunFolder) -> tuple[list[Record], Reading]:
    """All records of a folder, and what was met."""
    reading = Reading()
    return list(read_records(folder, reading)), reading


def some(count: int) -> list[Record]:
    """That many different records."""
    return [record(k=k, detail=f"number {k}") for k in range(count)]
