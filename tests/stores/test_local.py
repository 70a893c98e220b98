"""Facts about files as a store: whole or not at all, and failures with names."""

import os
from pathlib import Path
from typing import BinaryIO

import pytest

from inferswarm.stores import Uri, store_for
from inferswarm.stores.errors import DeniedError, ExistsError, FolderError, MissingError, StoreError
from inferswarm.stores.interface import CHECK_NAME
from inferswarm.stores.local import LocalStore, place_local

STORE = LocalStore()


@pytest.fixture
def place(tmp_path: Path) -> Uri:
    """A folder that is not there yet."""
    return Uri.parse(tmp_path / "new" / "folder")


def test_what_is_written_is_read_listed_and_deleted(place: Uri, tmp_path: Path) -> None:
    """Bytes and files go in and come out, folders are made on the way, names are relative."""
    source = tmp_path / "source"
    source.write_bytes(b"from a file")
    STORE.put_bytes(b"from memory", place.child("a.txt"))
    STORE.put(source, place.child("deep/b.txt"))
    STORE.get(place.child("deep/b.txt"), tmp_path / "copy")
    with STORE.open(place.child("a.txt")) as file:
        assert file.read() == b"from memory"
    assert (tmp_path / "copy").read_bytes() == b"from a file"
    assert STORE.names(place) == ["a.txt", "deep/b.txt"]
    STORE.delete(place.child("a.txt"))
    STORE.delete(place.child("a.txt"))
    assert STORE.names(place) == ["deep/b.txt"]


def test_the_store_of_a_path_is_this_one(place: Uri) -> None:
    """A plain path leads to files."""
    assert isinstance(store_for(place), LocalStore)


def test_the_tag_changes_with_the_bytes(place: Uri) -> None:
    """Size and tag are known without reading, and another content has another tag."""
    STORE.put_bytes(b"one", place.child("x"))
    first = STORE.info(place.child("x"))
    STORE.put_bytes(b"two", place.child("x"))
    second = STORE.info(place.child("x"))
    assert first is not None
    assert second is not None
    assert first.size == second.size == 3
    assert first.etag != second.etag


def test_what_is_no_file_has_no_information(place: Uri) -> None:
    """Missing files, folders, and names below a file are not there; a missing folder is empty."""
    assert STORE.info(place) is None
    assert STORE.names(place) == []
    STORE.put_bytes(b"", place.child("x"))
    assert STORE.info(place) is None
    assert STORE.info(place.child("x/y")) is None
    assert STORE.names(place.child("x")) == []


def test_a_file_is_not_replaced_unless_asked(place: Uri) -> None:
    """With overwrite=False the old file stays, and nothing unfinished is left beside it."""
    STORE.put_bytes(b"old", place.child("x"), overwrite=False)
    with pytest.raises(ExistsError, match="exists already"):
        STORE.put_bytes(b"new", place.child("x"), overwrite=False)
    assert place.child("x").path.read_bytes() == b"old"
    assert os.listdir(place.path) == ["x"]  # noqa: PTH208 - hidden ones too


def test_a_file_appears_whole_or_not_at_all(place: Uri) -> None:
    """When writing breaks off, there is no file, and an older one is as it was."""
    target = place.child("x").path

    def break_off(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left"):
        place_local(target, break_off)
    assert os.listdir(place.path) == []  # noqa: PTH208 - hidden ones too


def test_nobody_sees_a_file_that_is_being_written(place: Uri) -> None:
    """Listings show no file before it is whole."""

    def look(file: BinaryIO) -> None:
        file.write(b"half")
        assert STORE.names(place) == []

    place_local(place.child("x").path, look)
    assert STORE.names(place) == ["x"]


def test_missing_files_are_named(place: Uri, tmp_path: Path) -> None:
    """Reading or uploading what is not there says which path."""
    with pytest.raises(MissingError, match="folder/none: no such file"):
        STORE.open(place.child("none"))
    with pytest.raises(MissingError, match="no-source"):
        STORE.put(tmp_path / "no-source", place.child("x"))


def test_a_refusal_by_the_system_names_the_user(place: Uri) -> None:
    """Who may not write is told so, with the path."""

    def refuse(file: BinaryIO) -> None:
        raise PermissionError(13, "Permission denied", file.name)

    with pytest.raises(DeniedError, match=r"folder/x: user .* may not write it"):
        place_local(place.child("x").path, refuse)


def test_a_place_below_a_file_is_not_writable(place: Uri) -> None:
    """The check before a run fails where the run would, and leaves nothing where it succeeds."""
    STORE.check_writable(place)
    assert not place.path.exists()
    assert os.listdir(place.path.parent.parent) == []  # noqa: PTH208 - hidden ones too
    STORE.put_bytes(b"", place.child("x"))
    told = "folder/x is a file, where a folder is needed"
    for below in ("x", "x/runs"):
        with pytest.raises(FolderError, match=told) as refused:
            STORE.check_writable(place.child(below))
        assert refused.value.exit_code == 2
        with pytest.raises(FolderError, match=told):
            STORE.put_bytes(b"", place.child(f"{below}/y"))


def test_listings_hide_the_check(place: Uri) -> None:
    """What the check of a bucket leaves behind in a copy of it is not shown."""
    STORE.put_bytes(b"", place.child(CHECK_NAME))
    assert STORE.names(place) == []
