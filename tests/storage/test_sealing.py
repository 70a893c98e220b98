"""Facts about sealing: a part is whole in one form or the other, whatever happens."""

import json
from pathlib import Path

import msgspec
import pytest
import zstandard

from inferswarm.errors import InputError, StorageError
from inferswarm.records import PartHeader, Record
from inferswarm.storage import RecordWriter, RunFolder, seal_parts
from inferswarm.storage.sealing import BATCH
from tests.storage.filled import MANY_BYTES, fill, read, some, written


def test_compressing_spares_the_part_that_is_still_written(tmp_path: Path) -> None:
    """Each worker's newest part stays plain until the end, and nothing is lost on the way."""
    folder = written(tmp_path, some(20), part_bytes=1_000)
    fill(folder, 1, some(20), part_bytes=1_000)
    seal_parts(folder, all_parts=False)
    still_plain = sorted(path.name for path in folder.records.glob("*.jsonl"))
    assert [name.split("-")[0] for name in still_plain] == ["w0", "w1"]
    assert len(read(folder)[0]) == 40
    seal_parts(folder, all_parts=True)
    assert not list(folder.records.glob("*.jsonl"))
    found, reading = read(folder)
    assert found == some(20) * 2
    assert not reading.unreadable_parts
    assert reading.damaged_lines == 0


def test_parts_are_plain_json_lines_in_standard_zstd(tmp_path: Path) -> None:
    """Any tool can read them: a header, then one object a line."""
    folder = written(tmp_path, some(4))
    seal_parts(folder, all_parts=True)
    (path,) = folder.records.iterdir()
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        lines = stream.read().splitlines()
    assert json.loads(lines[0]) == {
        "format": PartHeader.__struct_defaults__[0], "run": "r", "worker": 0, "part": 1,
        "recorder": "reader thread", "clock": "kernel",
    }  # fmt: skip
    assert [json.loads(line).get("k") for line in lines[1:]] == [0, 1, 2, 3]


def counted(records: list[Record]) -> list[Record]:
    """Records with a count that they lacked."""
    return [msgspec.structs.replace(one, output_tokens=one.k * 2) for one in records]


def test_records_are_amended_on_the_way(tmp_path: Path) -> None:
    """In batches, in order, and nothing else is changed."""
    records = some(2 * BATCH + 3)
    folder = written(tmp_path, records)
    sizes = []

    def amend(batch: list[Record]) -> list[Record]:
        sizes.append(len(batch))
        return counted(batch)

    seal_parts(folder, all_parts=True, amend=amend)
    assert sizes == [BATCH, BATCH, 3]
    assert read(folder)[0] == counted(records)


def test_lines_that_are_no_records_stay_where_they_are(tmp_path: Path) -> None:
    """Amending changes records, and neither hides nor moves the damage around them."""
    folder = written(tmp_path, some(3))
    (path,) = folder.records.iterdir()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"\xff{\n", *lines[2:], b'{"k":9,"due']))
    seal_parts(folder, all_parts=True, amend=counted)
    (sealed,) = folder.records.iterdir()
    unpacked = zstandard.ZstdDecompressor().decompressobj().decompress(sealed.read_bytes())
    assert unpacked.splitlines()[2] == b"\xff{"
    assert unpacked.splitlines()[-1] == b'{"k":9,"due'
    found, reading = read(folder)
    assert (found, reading.damaged_lines) == (counted(some(3)), 2)


def test_a_failing_amendment_leaves_the_part_as_it_was(tmp_path: Path) -> None:
    """Whole and plain, without a scratch file beside it."""
    folder = written(tmp_path, some(3))

    def fail(batch: list[Record]) -> list[Record]:
        raise InputError("no such tokenizer")

    with pytest.raises(InputError, match="no such tokenizer"):
        seal_parts(folder, all_parts=True, amend=fail)
    assert [path.name for path in folder.records.iterdir()] == ["w0-00001.jsonl"]
    assert read(folder)[0] == some(3)


def test_what_a_crash_left_in_both_forms_is_sealed_once(tmp_path: Path) -> None:
    """The compressed form was whole before the plain one was to go, so it stays as it is."""
    folder = written(tmp_path, some(5))
    (plain,) = folder.records.iterdir()
    head = plain.read_bytes().splitlines(keepends=True)[:2]
    seal_parts(folder, all_parts=True, amend=counted)
    (sealed,) = folder.records.iterdir()
    before = sealed.read_bytes()
    plain.write_bytes(b"".join(head))
    seal_parts(folder, all_parts=True)
    assert list(folder.records.iterdir()) == [sealed]
    assert sealed.read_bytes() == before


def test_a_part_in_writing_is_never_sealed(tmp_path: Path) -> None:
    """Also when all parts are asked for: what its writer adds would be lost."""
    folder = RunFolder.create(tmp_path)
    writer = RecordWriter(folder.records, "r", 0, MANY_BYTES, recorder="", clock="")
    writer.write(some(2)[:1])
    seal_parts(folder, all_parts=True)
    writer.write(some(2)[1:])
    writer.close()
    assert read(folder)[0] == some(2)
    seal_parts(folder, all_parts=True)
    assert [path.name for path in folder.records.iterdir()] == ["w0-00001.jsonl.zst"]


def test_a_part_that_cannot_be_compressed_is_named_and_stays(tmp_path: Path) -> None:
    """A folder where the compressed form should be."""
    folder = written(tmp_path, some(2))
    (folder.records / ".w0-00001.jsonl.tmp").mkdir()
    with pytest.raises(StorageError, match=r"w0-00001\.jsonl could not be compressed"):
        seal_parts(folder, all_parts=True)
    assert read(folder)[0] == some(2)
