"""Facts about building a run's results from what its folder holds."""

import json
from pathlib import Path

import msgspec
import pytest
import yaml

from inferswarm.errors import StorageError
from inferswarm.reports.build import PROGRESS_EVERY, build, write
from inferswarm.storage import RecordWriter, RunFolder
from inferswarm.verdict import Client
from tests.builders import START_NS, S, record


def run_folder(path: Path, count: int = 5, **described: object) -> RunFolder:
    """A run that ended in order, with that many records."""
    folder = killed_folder(path, count)
    folder.client.write_bytes(msgspec.json.encode(Client(workers=1, recorder="told", clock="told")))
    folder.run.write_text(json.dumps({"id": "r", "attempted": count, **described}))
    folder.config.write_text(yaml.safe_dump({"load": {"users": 3}}))
    return folder


def killed_folder(path: Path, count: int = 5) -> RunFolder:
    """A run of which only the records are left."""
    folder = RunFolder.create(path)
    writer = RecordWriter(folder.records, "r", 0, 1 << 30, recorder="thread", clock="kernel")
    for k in range(count):
        writer.write([record(k=k, due_ns=START_NS + k * S, sent_ns=START_NS + k * S)])
    writer.close()
    return folder


def test_a_run_that_ended_in_order_is_valid(tmp_path: Path) -> None:
    """Numbers, description, configuration and the client's own words are brought together."""
    built = build(run_folder(tmp_path))
    assert built.snapshot.verdict.valid
    assert built.snapshot.requests.succeeded == built.summary.succeeded == 5
    assert (built.snapshot.run["id"], built.snapshot.config) == ("r", {"load": {"users": 3}})
    assert built.snapshot.client.recorder == "told"
    assert built.reading.parts == 1


def test_a_killed_run_has_its_numbers_and_is_invalid(tmp_path: Path) -> None:
    """Records alone are enough, and how times were taken is known from their header."""
    shot = build(killed_folder(tmp_path)).snapshot
    assert shot.requests.succeeded == 5
    assert not shot.verdict.valid
    assert "did not end in order" in shot.verdict.reasons[0]
    assert (shot.client.recorder, shot.client.clock) == ("thread", "kernel")


def test_missing_records_are_noticed(tmp_path: Path) -> None:
    """The master counted more than there are."""
    assert not build(run_folder(tmp_path, attempted=6)).snapshot.verdict.valid


@pytest.mark.parametrize("damage", [b"{", b"\xff\n"])
def test_damaged_records_are_noticed(tmp_path: Path, damage: bytes) -> None:
    """A line or a part that cannot be read makes a run INVALID and costs nothing else."""
    for name in ("w0-00001.jsonl", "w1-00001.jsonl"):
        folder = run_folder(tmp_path / name)
        with (folder.records / name).open("ab") as file:
            file.write(damage)
        shot = build(folder).snapshot
        assert not shot.verdict.valid
        assert shot.requests.succeeded == 5


def test_damaged_words_of_the_client_count_as_none(tmp_path: Path) -> None:
    """A half-written client.json is a run that did not end in order."""
    folder = run_folder(tmp_path)
    folder.client.write_bytes(b'{"workers": ')
    assert "did not end in order" in build(folder).snapshot.verdict.reasons[0]


@pytest.mark.parametrize("content", [b"a: [", b"\xff", b"[" * 50_000])
def test_a_description_that_cannot_be_read_costs_only_itself(
    tmp_path: Path, content: bytes
) -> None:
    """The records are reported all the same."""
    folder = run_folder(tmp_path)
    whole = build(folder).summary.attempted
    folder.config.write_bytes(content)
    folder.run.write_bytes(content)
    built = build(folder)
    assert built.summary.attempted == whole > 0
    assert built.snapshot.config == built.snapshot.run == {}


def test_progress_is_told_now_and_then(tmp_path: Path) -> None:
    """Once for each thousand records."""
    told: list[int] = []
    build(killed_folder(tmp_path, 2 * PROGRESS_EVERY + 5), told.append)
    assert told == [PROGRESS_EVERY, 2 * PROGRESS_EVERY]


def test_writing_makes_summary_and_page(tmp_path: Path) -> None:
    """Building twice from the same records writes the same numbers."""
    folder = run_folder(tmp_path)
    write(folder, build(folder))
    first = folder.summary.read_bytes()
    assert json.loads(first)["requests"]["succeeded"] == 5
    assert b"<html" in folder.report.read_bytes()[:500].lower()
    write(folder, build(folder))
    assert folder.summary.read_bytes() == first


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error names the file that could not be written."""
    folder = run_folder(tmp_path)
    folder.summary.mkdir()
    with pytest.raises(StorageError, match=r"summary.json could not be written"):
        write(folder, build(folder))
