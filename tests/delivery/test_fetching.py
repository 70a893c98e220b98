"""Facts about fetching: a run comes back as it was delivered, and what is not as it was is said."""

from pathlib import Path

import pytest

from inferswarm.delivery.fetching import fetch_run
from inferswarm.delivery.manifest import read_manifest, write_manifest
from inferswarm.delivery.sending import Progress, deliver
from inferswarm.errors import InputError
from inferswarm.storage import Reading, RunFolder, read_records
from inferswarm.stores.local import LocalStore
from tests.delivery.runs import TroubledStore, a_run, place, sender


def delivered(tmp_path: Path) -> RunFolder:
    """A run that was brought away."""
    folder = a_run(tmp_path / "x")
    folder.summary.write_text("{}")
    deliver(sender(tmp_path), folder, write_manifest(folder))
    return folder


def fetched(tmp_path: Path, store: LocalStore | None = None) -> tuple[RunFolder, list[str]]:
    """It, brought back."""
    return fetch_run(store or LocalStore(), place(tmp_path), tmp_path / "back")


def test_a_run_comes_back_whole(tmp_path: Path) -> None:
    """Every file, and nothing to say."""
    folder = delivered(tmp_path)
    shown: list[Progress] = []
    back, said = fetch_run(LocalStore(), place(tmp_path), tmp_path / "back", shown.append)
    assert said == []
    assert {path.name for path in back.path.iterdir()} == {
        path.name for path in folder.path.iterdir() if not path.name.startswith(".")
    }
    assert list(read_records(back, Reading())) == list(read_records(folder, Reading()))
    assert read_manifest(back) == read_manifest(folder)
    assert shown[0].of_files == len(shown)
    assert shown[0].of_bytes > shown[-1].bytes > 0


def test_what_is_here_already_is_not_fetched_again(tmp_path: Path) -> None:
    """A damaged file is, and a report that was made again is kept."""
    delivered(tmp_path)
    back, _ = fetched(tmp_path)
    back.summary.write_text("made again")
    back.log.write_text("damaged")
    store = TroubledStore()
    store.written.clear()
    again, said = fetched(tmp_path, store)
    assert (again, said) == (back, [])
    assert store.written == ["run.log"]
    assert back.summary.read_text() == "made again"
    assert back.log.read_text() == "said\n"


def test_a_run_without_manifest_is_fetched_and_said_to_lack_it(tmp_path: Path) -> None:
    """With what to do."""
    delivered(tmp_path)
    place(tmp_path).child("manifest.json").path.unlink()
    back, said = fetched(tmp_path)
    assert len(list(read_records(back, Reading()))) == 6
    assert len(said) == 1
    assert "has no manifest" in said[0]
    assert "`inferswarm upload`" in said[0]


def test_missing_damaged_and_unknown_files_are_named(tmp_path: Path) -> None:
    """Each in a line of its own, and the rest comes."""
    folder = delivered(tmp_path)
    first, second = sorted(path.name for path in folder.records.iterdir())[:2]
    records = place(tmp_path).child("records").path
    content = (records / first).read_bytes()
    (records / second).unlink()
    (records / first).write_bytes(content[:-9] + bytes(9))
    (records / "w9-00001.jsonl.zst").write_bytes(content)
    back, said = fetched(tmp_path)
    assert len(said) == 3
    assert f"{first} is not what the manifest says: its checksum differs" in said[0]
    assert said[1] == "records/w9-00001.jsonl.zst is not in the manifest"
    assert said[2] == f"records/{second} is missing"
    assert (back.records / "w9-00001.jsonl.zst").read_bytes() == content


def test_a_damaged_manifest_is_said(tmp_path: Path) -> None:
    """And the run is fetched without it."""
    delivered(tmp_path)
    place(tmp_path).child("manifest.json").path.write_text("{")
    back, said = fetched(tmp_path)
    assert len(said) == 1
    assert "manifest.json cannot be read" in said[0]
    assert len(list(read_records(back, Reading()))) == 6


def test_where_there_is_no_run_nothing_is_made(tmp_path: Path) -> None:
    """The refusal says how such a place is written."""
    with pytest.raises(InputError, match=r"no run is there .* give one as UPLOAD/runs/ID"):
        fetched(tmp_path)
    assert not (tmp_path / "back").exists()


def test_another_run_is_never_overwritten(tmp_path: Path) -> None:
    """A folder that holds something else is refused."""
    delivered(tmp_path)
    other = tmp_path / "back"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds something else .* --out"):
        fetched(tmp_path)
    (other / "run.json").write_text('{"id": "another"}')
    with pytest.raises(InputError, match=r"holds something else .* --out"):
        fetched(tmp_path)
    assert sorted(path.name for path in other.iterdir()) == ["notes.txt", "run.json"]


def test_names_that_lead_elsewhere_are_left_there(tmp_path: Path) -> None:
    """What a bucket holds cannot write outside of the run's folder, or hide in it."""

    class Hostile(LocalStore):
        """A bucket with odd names."""

        def names(self, prefix: object) -> list[str]:
            """Those of the run, and some that no run has."""
            real = super().names(place(tmp_path))
            return [*real, "../evil", "/etc/evil", ".hidden", "records/../../evil", "a/b/evil"]

    delivered(tmp_path)
    back, said = fetched(tmp_path, Hostile())
    assert said == []
    assert not list(tmp_path.rglob("*evil*"))
    assert not list(back.path.glob(".*"))
