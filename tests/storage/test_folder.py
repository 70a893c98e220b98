"""Facts about the run folder: what is where, and who may write there."""

import os
import stat
from pathlib import Path

import pytest

from inferswarm.errors import InputError, StorageError
from inferswarm.storage import (
    RunFolder,
    write_file,
)
from inferswarm.storage.folder import closed_name, part_name, worker_of


def test_a_folder_knows_its_files(tmp_path: Path) -> None:
    """The names are the documented ones."""
    folder = RunFolder(tmp_path)
    paths = [folder.records, folder.config, folder.run, folder.client, folder.summary]
    paths += [folder.report, folder.log, folder.manifest]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "records", "config.yaml", "run.json", "client.json", "summary.json", "report.html", "run.log",
        "manifest.json",
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


def test_names_of_parts_say_who_wrote_them_and_sort_by_their_beginning() -> None:
    """Open and sealed, and the one that was written elsewhere comes last."""
    names = [part_name(3, 2), part_name(3, 10), part_name(3, "spill")]
    assert names == ["w3-00002.jsonl", "w3-00010.jsonl", "w3-spill.jsonl"]
    assert names == sorted(names)
    assert [closed_name(name) for name in names[:1]] == ["w3-00002.jsonl.zst"]
    assert {worker_of(name) for name in [*names, closed_name(names[0])]} == {"w3"}
