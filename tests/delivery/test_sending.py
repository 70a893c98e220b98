"""Facts about sending: all arrives, nothing twice, the manifest last."""

from pathlib import Path

import pytest

from inferswarm.delivery import retrying
from inferswarm.delivery.manifest import packed, write_manifest
from inferswarm.delivery.sending import Progress, Sender, deliver, place_of
from inferswarm.stores.errors import UnreachableError
from tests.delivery.runs import RUN, ForgetfulStore, TroubledStore, a_run, place, sender


def files_below(path: Path) -> dict[str, bytes]:
    """All files that are not hidden, by their paths."""
    found = [one for one in path.rglob("*") if one.is_file() and not one.name.startswith(".")]
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in found}


def test_a_run_goes_below_its_id() -> None:
    """Whatever the place."""
    assert str(place_of("gs://b/path", "x")) == "gs://b/path/runs/x"
    assert str(place_of("gs://b", "x")) == "gs://b/runs/x"
    assert str(place_of("results/", "x")) == "results/runs/x"


def test_all_files_arrive_and_the_manifest_last(tmp_path: Path) -> None:
    """Under their own names, and the progress ends with all of them."""
    folder, store = a_run(tmp_path / "x"), TroubledStore()
    manifest = write_manifest(folder)
    shown: list[Progress] = []
    assert deliver(sender(tmp_path, store), folder, manifest, shown.append) == len(manifest.files)
    assert files_below(place(tmp_path).path) == files_below(folder.path)
    assert store.written[-1] == "manifest.json"
    assert store.written.count("manifest.json") == 1
    assert (shown[-1].files, shown[-1].bytes) == (shown[-1].of_files, shown[-1].of_bytes)
    assert place(tmp_path).child("manifest.json").path.read_bytes() == packed(manifest)


def test_what_is_there_with_equal_content_is_not_sent_again(tmp_path: Path) -> None:
    """Known by the journal without reading it, and by reading it where there is no journal."""
    folder = a_run(tmp_path / "x")
    manifest = write_manifest(folder)
    deliver(Sender.of_run(folder, place(tmp_path)), folder, manifest)
    again = TroubledStore()
    known = Sender.of_run(folder, place(tmp_path))
    known.store = again
    assert deliver(known, folder, manifest) == 0
    assert (again.written, again.opened) == (["manifest.json"], [])
    stranger = TroubledStore()
    assert deliver(sender(tmp_path, stranger), folder, manifest) == 0
    assert stranger.written == ["manifest.json"]
    assert len(stranger.opened) == len(manifest.files)


def test_what_changed_there_is_sent_again(tmp_path: Path) -> None:
    """Also when its size is the same."""
    folder = a_run(tmp_path / "x")
    manifest = write_manifest(folder)
    deliver(Sender.of_run(folder, place(tmp_path)), folder, manifest)
    there = place(tmp_path).child("run.log").path
    there.write_bytes(there.read_bytes()[::-1])
    assert deliver(Sender.of_run(folder, place(tmp_path)), folder, manifest) == 1
    assert there.read_bytes() == folder.log.read_bytes()


def test_a_broken_line_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And told meanwhile."""
    monkeypatch.setattr(retrying, "FIRST_PAUSE_S", 0.01)
    folder, store = a_run(tmp_path / "x"), TroubledStore(failing=3)
    manifest = write_manifest(folder)
    shown: list[Progress] = []
    deliver(sender(tmp_path, store), folder, manifest, shown.append)
    assert files_below(place(tmp_path).path) == files_below(folder.path)
    assert sum("the connection broke" in one.trouble for one in shown) == 3


def test_without_hope_there_is_no_manifest(tmp_path: Path) -> None:
    """So a reader knows that not all is there."""
    folder, store = a_run(tmp_path / "x"), TroubledStore(failing=10**9)
    with pytest.raises(UnreachableError):
        deliver(sender(tmp_path, store), folder, write_manifest(folder), patience_s=0.01)
    assert store.written == []


def test_what_arrived_by_half_has_not_arrived(tmp_path: Path) -> None:
    """Sizes are compared after each file."""
    folder = a_run(tmp_path / "x")
    with pytest.raises(UnreachableError, match=r"bytes sent, and now it has \d+ bytes"):
        deliver(sender(tmp_path, ForgetfulStore()), folder, write_manifest(folder), patience_s=0.01)


def test_a_part_that_somebody_else_wrote_meanwhile_is_put_right(tmp_path: Path) -> None:
    """A worker elsewhere may bring its own form of a part while the run's own form is sent."""
    folder = a_run(tmp_path / "x")
    manifest = write_manifest(folder)
    first = min(entry.path for entry in manifest.files if entry.records)

    def interfere(progress: Progress) -> None:
        if progress.files == len(manifest.files) - 1:
            place(tmp_path).child(first).path.write_bytes(b"another form")

    deliver(sender(tmp_path), folder, manifest, interfere)
    assert files_below(place(tmp_path).path) == files_below(folder.path)
    assert RUN in str(place(tmp_path))
