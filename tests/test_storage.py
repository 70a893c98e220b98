"""Facts about the run folder: what is written is read again, whatever happens to the disk."""

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from inferswarm.errors import InputError, StorageError
from inferswarm.records import PartHeader, Record, encode_line
from inferswarm.storage import (
    Reading,
    RecordWriter,
    RunFolder,
    compress_closed_parts,
    read_records,
    write_file,
)
from tests.builders import failure, record

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


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Records come back equal and in order, with how their times were taken."""
    records = [*some(20), failure(k=21)]
    found, reading = read(written(tmp_path, records))
    assert found == records
    assert reading == Reading(parts=1, recorder="reader thread", clock="kernel")


def test_a_record_is_with_the_kernel_when_write_returns(tmp_path: Path) -> None:
    """A process killed right after it has lost nothing."""
    folder = RunFolder.create(tmp_path)
    writer = RecordWriter(folder.records, "r", 0, MANY_BYTES, recorder="", clock="")
    for count, one in enumerate(some(3), 1):
        writer.write([one])
        assert len(read(folder)[0]) == count
    writer.close()


def test_full_parts_are_followed_by_new_ones(tmp_path: Path) -> None:
    """No part grows past its size by more than a line, and each has a header of its own."""
    folder = written(tmp_path, some(50), part_bytes=1_000)
    paths = sorted(folder.records.iterdir())
    assert len(paths) > 5
    assert paths[0].name == "w0-00001.jsonl"
    longest = max(len(encode_line(one)) for one in some(50))
    for number, path in enumerate(paths, 1):
        assert path.stat().st_size < 1_000 + longest
        assert json.loads(path.read_bytes().splitlines()[0])["part"] == number
    assert read(folder)[0] == some(50)


def test_compressing_spares_the_part_that_is_still_written(tmp_path: Path) -> None:
    """Each worker's newest part stays plain until the end, and nothing is lost on the way."""
    folder = written(tmp_path, some(20), part_bytes=1_000)
    fill(folder, 1, some(20), part_bytes=1_000)
    compress_closed_parts(folder, all_parts=False)
    still_plain = sorted(path.name for path in folder.records.glob("*.jsonl"))
    assert [name.split("-")[0] for name in still_plain] == ["w0", "w1"]
    assert len(read(folder)[0]) == 40
    compress_closed_parts(folder, all_parts=True)
    assert not list(folder.records.glob("*.jsonl"))
    found, reading = read(folder)
    assert found == some(20) * 2
    assert not reading.unreadable_parts
    assert reading.damaged_lines == 0


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
    compress_closed_parts(folder, all_parts=True)
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
    compress_closed_parts(folder, all_parts=True)
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
    compress_closed_parts(folder, all_parts=True)
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


def test_a_folder_knows_its_files(tmp_path: Path) -> None:
    """The names are the documented ones."""
    folder = RunFolder(tmp_path)
    paths = (folder.records, folder.config, folder.run, folder.client, folder.summary)
    assert [path.relative_to(tmp_path).as_posix() for path in (*paths, folder.report, folder.log)] == [
        "records", "config.yaml", "run.json", "client.json", "summary.json", "report.html", "run.log",
    ]  # fmt: skip


def test_a_new_run_makes_its_folder(tmp_path: Path) -> None:
    """With its parents, or in an empty one."""
    assert RunFolder.create(tmp_path / "a" / "b").records.is_dir()
    (tmp_path / "empty").mkdir()
    assert RunFolder.create(tmp_path / "empty").records.is_dir()


def test_an_existing_run_is_never_overwritten(tmp_path: Path) -> None:
    """The refusal names the folder and the remedy, and the folder is as it was."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"already holds a run; choose another"):
        RunFolder.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    """A path that is a file, or lies under one, cannot become a folder."""
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InputError, match=r"cannot be written"):
            RunFolder.create(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_refused(tmp_path: Path) -> None:
    """The refusal comes before any load, and names the folder."""
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(InputError, match=r"cannot be written: Permission denied"):
        RunFolder.create(tmp_path / "run")


def test_opening_what_is_no_run_is_refused(tmp_path: Path) -> None:
    """The refusal says what is missing."""
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(InputError, match=r"not a run folder"):
            RunFolder.open(path)
    RunFolder.create(tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").path == tmp_path / "run"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    """When it cannot be written the error names it, and no scratch file stays."""
    path = tmp_path / "summary.json"
    write_file(path, b"one")
    write_file(path, b"two")
    assert path.read_bytes() == b"two"
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="folder could not be written"):
        write_file(tmp_path / "folder", b"x")
    with pytest.raises(StorageError, match="could not be written"):
        write_file(tmp_path / "none" / "x", b"x")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "summary.json"]


FILL_THE_DISK = """
    import resource, signal, sys, tempfile
    from pathlib import Path
    from inferswarm.storage import RecordWriter
    from tests.builders import record

    folder, limit = Path(sys.argv[1]), int(sys.argv[2])
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    writer = RecordWriter(folder, "full", 0, 1 << 30, recorder="", clock="")
    for k in range(int(sys.argv[3])):
        writer.write([record(k=k, detail=f"number {k}")])
    assert writer.trouble, "the disk never got full"
    assert writer.unwritten
    writer.close()
    print(writer.unwritten, writer.trouble)
"""


def fill_the_disk(folder: Path, spill: Path, limit: int, count: int) -> str:
    """Write that many records in a child process; what it says in the end."""
    spill.mkdir()
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FILL_THE_DISK), str(folder), str(limit), str(count)],
        env={
            **os.environ,
            "TMPDIR": str(spill),
            "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_nothing_lost(folder: RunFolder, spill: Path, said: str, count: int) -> None:
    """Moved where the message says, the spilled part completes the run."""
    (spilled,) = spill.glob("inferswarm-full/*.jsonl")
    assert said.startswith("0 ")
    assert str(spilled) in said
    assert f"inferswarm report {folder.path}" in said
    before, reading = read(folder)
    assert before
    assert before == some(count)[: len(before)]
    assert reading.damaged_lines == 0
    assert f"{count - len(before)} records are in" in said
    content = spilled.read_bytes()
    (folder.records / spilled.name).write_bytes(content)
    assert read(folder)[0] == some(count)


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="the system has no limit on file sizes")
def test_no_record_is_lost_when_a_file_cannot_grow(tmp_path: Path) -> None:
    """What was written stays readable, what was held is spilled and named."""
    folder = RunFolder.create(tmp_path / "run")
    said = fill_the_disk(folder.records, tmp_path / "spill", 5_000, 30)
    assert_nothing_lost(folder, tmp_path / "spill", said, 30)


@contextmanager
def tiny_disk(path: Path) -> Iterator[Path]:
    """A file system of 64 KB, as long as it is needed."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(path)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.decode()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")
def test_no_record_is_lost_when_the_disk_is_full(tmp_path: Path) -> None:
    """The same on a file system that has no space left."""
    with tiny_disk(tmp_path / "disk") as disk:
        folder = RunFolder.create(disk / "run")
        said = fill_the_disk(folder.records, tmp_path / "spill", 0, 400)
        before, _ = read(folder)
        copy = RunFolder.create(tmp_path / "copy")
        for path in folder.records.iterdir():
            (copy.records / path.name).write_bytes(path.read_bytes())
        assert before
    (spilled,) = (tmp_path / "spill").glob("inferswarm-full/*.jsonl")
    (copy.records / spilled.name).write_bytes(spilled.read_bytes())
    assert said.startswith("0 ")
    assert str(spilled) in said
    assert read(copy)[0] == some(400)


def test_records_that_fit_nowhere_are_counted_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the folder for temporary files fails too, the trouble says how many are lost."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    writer = RecordWriter(tmp_path / "gone", "r", 0, MANY_BYTES, recorder="", clock="")
    for one in some(3):
        writer.write([one])
    writer.close()
    assert writer.unwritten == 3
    assert "3 records are lost" in writer.trouble


def test_parts_are_plain_json_lines_in_standard_zstd(tmp_path: Path) -> None:
    """Any tool can read them: a header, then one object a line."""
    folder = written(tmp_path, some(4))
    compress_closed_parts(folder, all_parts=True)
    (path,) = folder.records.iterdir()
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        lines = stream.read().splitlines()
    assert json.loads(lines[0]) == {
        "format": PartHeader.__struct_defaults__[0], "run": "r", "worker": 0, "part": 1,
        "recorder": "reader thread", "clock": "kernel",
    }  # fmt: skip
    assert [json.loads(line).get("k") for line in lines[1:]] == [0, 1, 2, 3]
