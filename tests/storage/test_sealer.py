"""Facts about sealing while a run goes on: it follows, and trouble costs nothing but itself."""

import time
from pathlib import Path

import pytest

from inferswarm.errors import InputError
from inferswarm.records import Record
from inferswarm.storage import Sealer, sealer
from tests.storage.filled import read, some, written


def test_closed_parts_are_sealed_while_it_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the newest, and that one at the end."""
    monkeypatch.setattr(sealer, "INTERVAL_S", 0.01)
    folder = written(tmp_path, some(20), part_bytes=1_000)
    count = len(list(folder.records.iterdir()))
    with Sealer(folder) as sealing:
        end = time.monotonic() + 20
        while len(list(folder.records.glob("w*.zst"))) < count - 1:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert len(list(folder.records.glob("w*.jsonl"))) == 1
    sealing.seal_all()
    assert len(list(folder.records.glob("w*.zst"))) == count
    assert read(folder)[0] == some(20)
    assert sealing.trouble == ""


def test_parts_are_sealed_also_when_they_cannot_be_amended(tmp_path: Path) -> None:
    """It says why, tries no further, and the records stay as they were measured."""
    folder = written(tmp_path, some(20), part_bytes=1_000)
    tries = []

    def fail(batch: list[Record]) -> list[Record]:
        tries.append(len(batch))
        raise InputError("the tokenizer is gone")

    sealing = Sealer(folder, fail)
    sealing.seal_all()
    assert (sealing.trouble, len(tries)) == ("the tokenizer is gone", 1)
    assert list(folder.records.glob("*.jsonl")) == []
    assert read(folder)[0] == some(20)


def test_a_disk_that_allows_no_sealing_costs_nothing(tmp_path: Path) -> None:
    """Parts stay plain, and as readable."""
    folder = written(tmp_path, some(2))
    (folder.records / ".w0-00001.jsonl.tmp").mkdir()
    Sealer(folder).seal_all()
    assert read(folder)[0] == some(2)
