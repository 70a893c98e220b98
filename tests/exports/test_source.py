"""Facts about a finished run as exports read it, and about files that take the place of others."""

from pathlib import Path

import pytest

from inferswarm.errors import StorageError
from inferswarm.exports.source import PROGRESS_EVERY, Source, replacing
from inferswarm.reports.build import build, write
from tests.builders import record

from .folders import RUN, damage, run_of


def test_numbers_are_those_of_the_summary(tmp_path: Path) -> None:
    """Where there is a `summary.json` its numbers hold, so that all say the same."""
    folder = run_of(tmp_path, [record(k=k) for k in range(3)])
    write(folder, build(folder, warmup="none"))
    changed = folder.summary.read_bytes().replace(b'"attempted": 3', b'"attempted": 4')
    folder.summary.write_bytes(changed)
    assert Source(folder).snapshot.requests.attempted == 4


@pytest.mark.parametrize("content", [None, b"{", b"[]", b"\xff"])
def test_without_a_summary_numbers_come_from_the_records(
    tmp_path: Path, content: bytes | None
) -> None:
    """A killed run has none, or half of one."""
    folder = run_of(tmp_path, [record(k=k) for k in range(3)])
    if content is not None:
        folder.summary.write_bytes(content)
    assert Source(folder).snapshot.requests.succeeded == 3


def test_reading_tells_what_was_damaged(tmp_path: Path) -> None:
    """What cannot be read is named, once for each way through, and costs nothing else."""
    source = Source(damage(run_of(tmp_path, [record()])))
    for _ in range(2):
        assert list(source.records()) == [record()]
        assert source.reading.damaged_lines == 1
        assert [one.split(":")[0] for one in source.reading.unreadable_parts] == [
            "w1-00001.jsonl.zst"
        ]


def test_progress_is_told_now_and_then(tmp_path: Path) -> None:
    """The number of records so far, every thousand."""
    folder = run_of(tmp_path, [record(k=k) for k in range(2 * PROGRESS_EVERY + 1)])
    told: list[int] = []
    assert sum(1 for _ in Source(folder, progress=told.append).records()) == 2_001
    assert told == [1_000, 2_000]


def test_descriptions_are_read_where_they_are(tmp_path: Path) -> None:
    """Run and configuration as mappings; empty when they are missing."""
    source = Source(run_of(tmp_path, [record()], load={"users": 3}))
    assert (source.run["id"], source.config) == (RUN["id"], {"load": {"users": 3}})
    (tmp_path / "run.json").unlink()
    assert Source(source.folder).run == {}


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Until the end the old one stands, and nothing else is left beside it."""
    path = tmp_path / "a"
    path.write_text("old")
    with replacing(path) as scratch:
        scratch.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_stays_when_its_writer_fails(tmp_path: Path) -> None:
    """Half a file takes no place, whatever went wrong."""
    path = tmp_path / "a"
    path.write_text("old")
    broken = replacing(path)
    broken.__enter__().write_text("half")
    assert broken.__exit__(KeyError, KeyError("x"), None) is not True
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A missing folder ends in one line with the remedy."""
    path = tmp_path / "none" / "a"
    with (
        pytest.raises(StorageError, match=r"none/a could not be written.*--out"),
        replacing(path) as scratch,
    ):
        scratch.write_text("")
