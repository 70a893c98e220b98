"""Facts about reading: damage costs only itself."""

import os
from pathlib import Path

import pytest

from inferswarm.storage import Reading, read_records, seal_parts
from inferswarm.storage.reading import count_records
from tests.builders import failure, record
from tests.storage.filled import read, some, written


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Records come back equal and in order, with how their times were taken."""
    records = [*some(20), failure(k=21)]
    found, reading = read(written(tmp_path, records))
    assert found == records
    assert reading == Reading(parts=1, recorder="reader thread", clock="kernel")


def test_a_cut_last_line_costs_only_itself(tmp_path: Path) -> None:
    """Cut anywhere in its last line, a part still gives all records before it."""
    folder = written(tmp_path, some(3))
    (path,) = folder.records.iterdir()
    whole = path.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    for missing in range(1, last + 1):
        path.write_bytes(whole[: len(whole) - missing])
        found, reading = read(folder)
        kept = 3 if missing == 1 else 2
        assert found == some(kept)
        assert reading.damaged_lines == (0 if missing in (1, last) else 1)
        assert reading.unreadable_parts == []


def test_a_damaged_line_in_the_middle_costs_only_itself(tmp_path: Path) -> None:
    """What follows it is read."""
    folder = written(tmp_path, some(3))
    (path,) = folder.records.iterdir()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"\xff\x00\n", *lines[3:]]))
    found, reading = read(folder)
    assert found == [some(3)[0], some(3)[2]]
    assert reading.damaged_lines == 1


@pytest.mark.parametrize("content", [b"", b"{", b"no records\n", b"\xff\xff\n"])
def test_a_part_without_a_header_is_named(tmp_path: Path, content: bytes) -> None:
    """A file that is none of ours costs only itself."""
    folder = written(tmp_path, some(2))
    (folder.records / "w7-00001.jsonl").write_bytes(content)
    (folder.records / "w8-00001.jsonl.zst").write_bytes(content)
    found, reading = read(folder)
    assert found == some(2)
    assert [text.split(":")[0] for text in reading.unreadable_parts] == [
        "w7-00001.jsonl",
        "w8-00001.jsonl.zst",
    ]


def test_a_cut_compressed_part_keeps_what_is_readable(tmp_path: Path) -> None:
    """Several blocks long and cut in the middle, a part gives the records before the cut."""
    records = [record(k=k, detail=os.urandom(300).hex()) for k in range(1_500)]
    folder = written(tmp_path, records)
    seal_parts(folder, all_parts=True)
    (path,) = folder.records.iterdir()
    whole = path.read_bytes()
    for share in (0.3, 0.6, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        found, reading = read(folder)
        assert found == records[: len(found)]
        assert len(found) >= share * len(records) - 700
        assert reading.damaged_lines or reading.unreadable_parts


@pytest.mark.parametrize("missing", [1, 3, 4, 5, 8])
def test_a_compressed_part_without_its_very_end_is_not_taken_for_whole(
    tmp_path: Path, missing: int
) -> None:
    """When any byte of the compressed file is gone, the reading says that something is wrong."""
    folder = written(tmp_path, some(40))
    seal_parts(folder, all_parts=True)
    (path,) = folder.records.iterdir()
    path.write_bytes(path.read_bytes()[:-missing])
    found, reading = read(folder)
    assert found == some(40)[: len(found)]
    assert reading.damaged_lines or reading.unreadable_parts


def test_a_part_in_both_forms_counts_once(tmp_path: Path) -> None:
    """A crash between compressing and removing the plain file doubles nothing."""
    folder = written(tmp_path, some(5))
    (plain,) = folder.records.iterdir()
    content = plain.read_bytes()
    seal_parts(folder, all_parts=True)
    plain.write_bytes(content)
    found, reading = read(folder)
    assert found == some(5)
    assert reading.parts == 1


def test_half_written_files_are_not_read(tmp_path: Path) -> None:
    """Scratch files of a crash have names that no reader looks at."""
    folder = written(tmp_path, some(2))
    (folder.records / ".w0-00002.jsonl.tmp").write_bytes(b"half")
    found, reading = read(folder)
    assert (found, reading.parts) == (some(2), 1)


def test_records_are_counted_as_they_are_read(tmp_path: Path) -> None:
    """In plain and in compressed parts, whole, damaged and cut."""
    records = [record(k=k, detail=os.urandom(300).hex()) for k in range(900)]
    folder = written(tmp_path, records)
    (plain,) = folder.records.iterdir()
    assert count_records(plain) == 900
    plain.write_bytes(plain.read_bytes() + b'\xff\n{"k":1,"end_ns":5')
    assert count_records(plain) == len(read(folder)[0]) == 900
    seal_parts(folder, all_parts=True)
    (sealed,) = folder.records.iterdir()
    assert count_records(sealed) == 900
    sealed.write_bytes(sealed.read_bytes()[:-100_000])
    assert 0 < count_records(sealed) == len(read(folder)[0]) < 900
    assert count_records(tmp_path / "nothing.jsonl") == 0


def test_a_part_that_is_sealed_while_others_are_read_is_read(tmp_path: Path) -> None:
    """A report of a run that still goes misses nothing."""
    folder = written(tmp_path, some(20), part_bytes=1_000)
    reading = Reading()
    records = read_records(folder, reading)
    found = [next(records)]
    seal_parts(folder, all_parts=True)
    assert [*found, *records] == some(20)
    assert reading.unreadable_parts == []


def test_a_flipped_bit_in_a_compressed_part_is_noticed(tmp_path: Path) -> None:
    """Wherever it is: either all records are as they were, or something is said."""
    folder = written(tmp_path, some(40))
    seal_parts(folder, all_parts=True)
    (path,) = folder.records.iterdir()
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        found, reading = read(folder)
        assert found == some(40) or reading.damaged_lines or reading.unreadable_parts, at
