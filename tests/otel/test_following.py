"""Facts about following the sampled requests of a run through its files."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from inferswarm.otel.following import Follower
from inferswarm.records import PartHeader, Record, encode_line
from inferswarm.storage import RecordWriter, RunFolder, seal_parts
from tests.builders import record


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run folder without records."""
    made = RunFolder(tmp_path)
    made.records.mkdir()
    return made


def traced(*numbers: int) -> list[Record]:
    """Records that have a trace."""
    return [record(k=k, trace=f"{k:032x}") for k in numbers]


def numbers(found: Sequence[Record]) -> list[int]:
    """Which they are."""
    return [one.k for one in found]


def writer(folder: RunFolder, worker: int = 0, part_bytes: int = 1 << 20) -> RecordWriter:
    """One worker's writer."""
    return RecordWriter(folder.records, "r", worker, part_bytes, recorder="x", clock="y")


def test_each_sampled_record_is_given_once_as_it_is_written(folder: RunFolder) -> None:
    """Others are not given at all, also when their answer speaks of traces."""
    follower, one = Follower(folder), writer(folder)
    assert follower.take(10) == []
    one.write([record(k=0), *traced(1), record(k=2, answer='{"trace":"a"}')])
    assert follower.take(10) == traced(1)
    assert follower.take(10) == []
    one.write(traced(3, 4))
    assert numbers(follower.take(10)) == [3, 4]
    follower.close()
    one.close()


def test_no_more_are_given_than_asked_for(folder: RunFolder) -> None:
    """The others come with the next call."""
    follower, one = Follower(folder), writer(folder)
    one.write(traced(*range(7)))
    one.close()
    assert [numbers(follower.take(3)) for _ in range(4)] == [[0, 1, 2], [3, 4, 5], [6], []]
    follower.close()


def test_a_line_that_is_half_written_is_given_when_it_is_whole(folder: RunFolder) -> None:
    """And not lost, whereever it was cut."""
    follower = Follower(folder)
    header = encode_line(PartHeader(run="r", worker=0, part=1, recorder="x", clock="y"))
    line = encode_line(traced(1)[0])
    with (folder.records / "w0-00001.jsonl").open("wb", buffering=0) as part:
        for at in range(len(header) + len(line) - 1):
            part.write((header + line)[at : at + 1])
            assert follower.take(10) == []
        part.write(b"\n")
        assert numbers(follower.take(10)) == [1]
    follower.close()


def test_parts_that_are_sealed_meanwhile_are_read_to_their_end(folder: RunFolder) -> None:
    """Those that were open here, and those that were sealed before anybody looked."""
    follower, one = Follower(folder), writer(folder, part_bytes=1)
    one.write(traced(0))
    assert numbers(follower.take(10)) == [0]
    for k in range(1, 6):
        one.write(traced(k))
    seal_parts(folder, all_parts=False)
    assert len(list(folder.records.glob("*.zst"))) == 5
    assert numbers(follower.take(2)) == [1, 2]
    one.close()
    seal_parts(folder, all_parts=True)
    assert numbers(follower.take(10)) == [3, 4, 5]
    assert follower.take(10) == []
    follower.close()


def test_all_workers_are_followed(folder: RunFolder) -> None:
    """Also one that comes late."""
    follower, first = Follower(folder), writer(folder, 0)
    first.write(traced(0))
    assert numbers(follower.take(10)) == [0]
    second = writer(folder, 1)
    second.write(traced(1))
    first.write(traced(2))
    assert sorted(numbers(follower.take(10))) == [1, 2]
    for one in (first, second):
        one.close()
    follower.close()


def test_a_part_that_cannot_be_read_costs_only_itself(folder: RunFolder) -> None:
    """Whatever lies there."""
    (folder.records / "w0-00001.jsonl.zst").write_bytes(b"no zstd")
    (folder.records / "w1-00001.jsonl").write_bytes(b'{"trace":"\xff\n[]\n')
    one = writer(folder, 2)
    one.write(traced(7))
    one.close()
    follower = Follower(folder)
    assert numbers(follower.take(10)) == [7]
    follower.close()


def test_a_sealed_part_is_read_in_pieces(folder: RunFolder) -> None:
    """However few are asked for at a time, none is lost."""
    one = writer(folder)
    one.write(traced(*range(7)))
    one.close()
    seal_parts(folder, all_parts=True)
    follower = Follower(folder)
    assert [numbers(follower.take(3)) for _ in range(4)] == [[0, 1, 2], [3, 4, 5], [6], []]
    follower.close()
