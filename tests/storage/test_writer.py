"""Facts about writing: what is written is with the kernel, whatever happens to the disk."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inferswarm.records import encode_line
from inferswarm.storage import (
    RecordWriter,
    RunFolder,
)
from inferswarm.storage.sealing import is_being_written
from tests.storage.filled import MANY_BYTES, read, some, written


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
    root = Path(__file__).parents[2]
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


def timed_writer(folder: RunFolder, part_ns: int) -> RecordWriter:
    """A writer whose parts are closed by their age."""
    return RecordWriter(folder.records, "r", 0, MANY_BYTES, part_ns, recorder="", clock="")


def names_of(folder: RunFolder) -> list[str]:
    """The parts of a folder."""
    return sorted(path.name for path in folder.records.iterdir())


def test_old_parts_are_followed_by_new_ones(tmp_path: Path) -> None:
    """When something is written after that age, and each part can be read alone."""
    folder = RunFolder.create(tmp_path)
    writer = timed_writer(folder, 1)
    for one in some(3):
        writer.write([one])
    writer.close()
    assert names_of(folder) == ["w0-00001.jsonl", "w0-00002.jsonl", "w0-00003.jsonl"]
    for number, path in enumerate(sorted(folder.records.iterdir()), 1):
        lines = path.read_bytes().splitlines()
        assert (len(lines), json.loads(lines[0])["part"]) == (2, number)
    assert read(folder)[0] == some(3)


def test_an_old_part_is_closed_also_when_nothing_more_comes(tmp_path: Path) -> None:
    """But not while it holds no record, nor before its age."""
    folder = RunFolder.create(tmp_path)
    writer = timed_writer(folder, 1)
    writer.rotate()
    assert names_of(folder) == []
    writer.write(some(1))
    for _ in range(3):
        writer.rotate()
    assert names_of(folder) == ["w0-00001.jsonl", "w0-00002.jsonl"]
    writer.close()
    assert read(folder)[0] == some(1)


@pytest.mark.parametrize("part_ns", [0, 3_600_000_000_000])
def test_a_young_part_is_written_on(tmp_path: Path, part_ns: int) -> None:
    """As is any part when no age is given."""
    folder = RunFolder.create(tmp_path)
    writer = timed_writer(folder, part_ns)
    for one in some(3):
        writer.write([one])
        writer.rotate()
    writer.close()
    assert names_of(folder) == ["w0-00001.jsonl"]


def test_the_open_part_is_known_to_be_written(tmp_path: Path) -> None:
    """Until its writer closes it."""
    folder = RunFolder.create(tmp_path)
    writer = timed_writer(folder, 1)
    for one in some(2):
        writer.write([one])
    first, second = sorted(folder.records.iterdir())
    assert (is_being_written(first), is_being_written(second)) == (False, True)
    writer.close()
    assert not is_being_written(second)


def test_a_killed_writer_leaves_no_part_that_seems_open(tmp_path: Path) -> None:
    """The lock goes with its process."""
    folder = RunFolder.create(tmp_path)
    code = (
        "import sys, os, signal; from pathlib import Path;"
        "from inferswarm.storage import RecordWriter; from tests.builders import record;"
        "writer = RecordWriter(Path(sys.argv[1]), 'r', 0, 1 << 30, recorder='', clock='');"
        "writer.write([record()]); print('written', flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code, folder.records],
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        (path,) = folder.records.iterdir()
        assert is_being_written(path)
        child.kill()
        child.wait()
        assert not is_being_written(path)
    assert len(read(folder)[0]) == 1
