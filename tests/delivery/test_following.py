"""Facts about following a run: closed parts go as they come, each once, and open ones stay."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from inferswarm.delivery.following import Follower, KeptParts, SealedParts
from inferswarm.storage import Reading, RecordWriter, RunFolder, Sealer, read_records
from inferswarm.stores.errors import StoreError, UnreachableError
from tests.builders import record
from tests.delivery.runs import TroubledStore, a_run, add_records, place, sender


def test_sealed_parts_are_sent_once(tmp_path: Path) -> None:
    """Those that come later too; plain ones wait until they are sealed."""
    folder, store = a_run(tmp_path / "x"), TroubledStore()
    follower = Follower(SealedParts(folder), sender(tmp_path, store))
    first = sorted(path.name for path in folder.records.iterdir())
    assert follower.send_ready() == len(first)
    add_records(folder.records, 2, worker=1)
    assert follower.send_ready() == 0
    Sealer(folder).seal_all()
    assert follower.send_ready() == 1
    assert store.written == [*first, "w1-00001.jsonl.zst"]


def test_following_goes_on_where_the_line_broke(tmp_path: Path) -> None:
    """And stops between two parts when it is told to."""
    folder, store = a_run(tmp_path / "x"), TroubledStore(failing=1)
    follower = Follower(SealedParts(folder), sender(tmp_path, store))
    with pytest.raises(UnreachableError):
        follower.send_ready()
    assert follower.send_ready(lambda: bool(store.written)) == 1
    follower.send_ready()
    assert store.written == sorted(path.name for path in folder.records.iterdir())


def test_kept_parts_are_sent_sealed_and_stay_as_they_are(tmp_path: Path) -> None:
    """But for the one that its worker still writes; all when the worker has ended."""
    kept = tmp_path / "kept"
    kept.mkdir()
    writer = RecordWriter(kept, "r", 4, 1, recorder="native", clock="kernel")
    records = [record(k=k) for k in range(3)]
    for one in records:
        writer.write([one])
    follower = Follower(KeptParts(kept), sender(tmp_path))
    assert follower.send_ready() == 2
    assert follower.send_ready() == 0
    writer.close()
    assert follower.send_ready() == 1
    assert [path.name for path in sorted(kept.iterdir())] == [
        "w4-00001.jsonl", "w4-00002.jsonl", "w4-00003.jsonl",
    ]  # fmt: skip
    assert list(read_records(RunFolder(place(tmp_path).path), Reading())) == records


def test_kept_parts_that_the_master_took_are_no_trouble(tmp_path: Path) -> None:
    """They may go while they are looked at."""

    class Gone(KeptParts):
        """A folder that is removed after it was listed."""

        def ready(self, done: set[str]) -> list[str]:
            """What was there."""
            return ["w4-00001.jsonl.zst"] if not done else []

    follower = Follower(Gone(tmp_path / "kept"), sender(tmp_path))
    assert follower.send_ready() == 1
    assert KeptParts(tmp_path / "kept").ready(set()) == []


def test_a_disk_that_allows_no_copy_is_no_end(tmp_path: Path) -> None:
    """The part is not taken for sent, and goes when there is room again."""
    kept = tmp_path / "kept"
    kept.mkdir()
    add_records(kept, 1, worker=4)

    class Full(KeptParts):
        """No room for copies, at first."""

        full = True

        @contextlib.contextmanager
        def source(self, name: str) -> Iterator[RunFolder]:
            """Fail once."""
            if self.full:
                self.full = False
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            with super().source(name) as folder:
                yield folder

    follower = Follower(Full(kept), sender(tmp_path))
    with pytest.raises(StoreError, match=r"w4-00001\.jsonl\.zst could not be compressed: No space"):
        follower.send_ready()
    assert follower.sent == 0
    assert follower.send_ready() == follower.sent == 1
