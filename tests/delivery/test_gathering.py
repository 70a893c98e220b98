"""Facts about gathering: what a lost worker brought to the bucket completes the run."""

from pathlib import Path

from inferswarm.delivery.following import Follower, KeptParts
from inferswarm.delivery.gathering import gather_parts
from inferswarm.records import Record
from inferswarm.storage import Reading, RunFolder, Sealer, read_records
from inferswarm.stores.local import LocalStore
from tests.delivery.runs import a_run, add_records, place, sender


def uploaded_by_lost(tmp_path: Path, count: int) -> list[Path]:
    """The parts that a worker elsewhere kept, and brought to the bucket."""
    kept = tmp_path / "kept"
    kept.mkdir()
    add_records(kept, count, worker=3)
    Follower(KeptParts(kept), sender(tmp_path)).send_ready()
    return sorted(kept.iterdir())


def gathered(tmp_path: Path, folder: RunFolder) -> list[str]:
    """What was fetched."""
    return gather_parts(LocalStore(), place(tmp_path), folder)


def ks_of(folder: RunFolder) -> list[int]:
    """The arrivals of all records, in order."""
    reading = Reading()
    found: list[Record] = list(read_records(folder, reading))
    assert not reading.unreadable_parts
    assert not reading.damaged_lines
    return sorted(one.k for one in found)


def test_parts_that_are_only_in_the_bucket_are_fetched(tmp_path: Path) -> None:
    """Plain, so that they are sealed as all others are; those of this machine are left alone."""
    folder, parts = a_run(tmp_path / "x", 6), uploaded_by_lost(tmp_path, 7)
    assert gathered(tmp_path, folder) == [path.name for path in parts]
    assert [(folder.records / path.name).read_bytes() for path in parts] == [
        path.read_bytes() for path in parts
    ]
    Sealer(folder).seal_all()
    assert ks_of(folder) == sorted([*range(6), *range(7)])
    assert gathered(tmp_path, folder) == []
    assert not list(folder.path.glob(".gather*"))


def test_a_part_that_came_by_half_is_replaced_by_the_whole_one(tmp_path: Path) -> None:
    """And those before it, which came whole, are not fetched again."""
    folder, parts = a_run(tmp_path / "x", 6), uploaded_by_lost(tmp_path, 7)
    (folder.records / parts[0].name).write_bytes(parts[0].read_bytes())
    half = parts[1].read_bytes()
    (folder.records / parts[1].name).write_bytes(half[: len(half) // 2])
    assert gathered(tmp_path, folder) == [path.name for path in parts[1:]]
    assert ks_of(folder) == sorted([*range(6), *range(7)])


def test_what_the_master_has_whole_stays(tmp_path: Path) -> None:
    """Also when the bucket has it too, or less of it."""
    folder, parts = a_run(tmp_path / "x", 6), uploaded_by_lost(tmp_path, 7)
    for path in parts:
        (folder.records / path.name).write_bytes(path.read_bytes())
    assert gathered(tmp_path, folder) == []


def test_strange_names_in_the_bucket_are_left_there(tmp_path: Path) -> None:
    """Only parts of workers are fetched."""
    folder = a_run(tmp_path / "x", 6)
    for name in ("x.jsonl.zst", "w1-1.jsonl", "deep/w1-00001.jsonl.zst", "w1-00001.jsonl.zst.tmp"):
        LocalStore().put_bytes(b"noise", place(tmp_path).child(f"records/{name}"))
    assert gathered(tmp_path, folder) == []


def test_a_damaged_part_in_the_bucket_gives_what_can_be_read(tmp_path: Path) -> None:
    """No broken part stops the end of a run."""
    folder, parts = a_run(tmp_path / "x", 6), uploaded_by_lost(tmp_path, 7)
    there = place(tmp_path).child(f"records/{parts[0].name}.zst").path
    there.write_bytes(there.read_bytes()[:-3])
    assert gathered(tmp_path, folder) == [path.name for path in parts]
    Sealer(folder).seal_all()
    found = list(read_records(folder, Reading()))
    assert len(found) >= 6 + 7 - 4
