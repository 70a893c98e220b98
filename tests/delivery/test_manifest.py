"""Facts about the manifest: it lists what is there, and a reader sees what is not."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from inferswarm.delivery.manifest import (
    id_of,
    is_part,
    missing_files,
    names_in,
    packed,
    parse_manifest,
    read_manifest,
    renew_manifest,
    run_id,
    write_manifest,
)
from inferswarm.errors import StorageError
from tests.delivery.runs import RUN, a_run, add_records


def test_a_manifest_lists_every_file_with_size_checksum_and_records(tmp_path: Path) -> None:
    """As they are on disk, itself and hidden files left out."""
    folder = a_run(tmp_path, 6)
    (tmp_path / ".upload.log").write_text("hidden")
    manifest = write_manifest(folder)
    assert (manifest.run, manifest.ended) == (RUN, True)
    assert manifest.parts == len(list(folder.records.iterdir())) > 1
    assert manifest.records == 6
    listed = manifest.by_path
    assert {"client.json", "config.yaml", "run.json", "run.log"} < set(listed)
    assert sum(is_part(name) for name in listed) == manifest.parts
    assert len(listed) == 4 + manifest.parts
    for name, entry in listed.items():
        content = (tmp_path / name).read_bytes()
        assert entry.sha256 == hashlib.sha256(content).hexdigest()
        assert entry.bytes == len(content)
        assert (entry.records is None) != is_part(name)
    assert read_manifest(folder) == manifest


def test_a_run_that_was_killed_is_said_not_to_have_ended(tmp_path: Path) -> None:
    """Its plain part counts as well, and a part in both forms once."""
    folder = a_run(tmp_path, 3, ended=False)
    add_records(folder.records, 2, worker=1)
    sealed = sorted(path.name for path in folder.records.glob("*.zst"))
    (folder.records / sealed[0].removesuffix(".zst")).write_bytes(b"doubled\n")
    manifest = write_manifest(folder)
    assert not manifest.ended
    assert manifest.records == 5
    assert f"records/{sealed[0].removesuffix('.zst')}" not in names_in(folder)


def test_what_is_missing_or_cut_is_found(tmp_path: Path) -> None:
    """By name; what a report makes again is not missed."""
    folder = a_run(tmp_path)
    folder.summary.write_text("{}")
    manifest = write_manifest(folder)
    assert missing_files(folder, manifest) == []
    folder.summary.unlink()
    folder.log.unlink()
    first = min(folder.records.iterdir())
    first.write_bytes(first.read_bytes()[:-1])
    assert missing_files(folder, manifest) == [f"records/{first.name}", "run.log"]


def test_files_made_again_are_renewed_and_the_rest_is_kept(tmp_path: Path) -> None:
    """What the manifest says of a part that is gone stays."""
    folder = a_run(tmp_path)
    before = write_manifest(folder)
    first = min(folder.records.iterdir())
    first.unlink()
    folder.summary.write_text("{}")
    renew_manifest(folder, [folder.summary])
    after = read_manifest(folder)
    assert after is not None
    assert set(after.by_path) == {*before.by_path, "summary.json"}
    assert after.by_path["summary.json"].bytes == 2
    assert missing_files(folder, after) == [f"records/{first.name}"]


def test_a_folder_without_manifest_gets_none_by_renewing(tmp_path: Path) -> None:
    """Its absence says that the run did not end in order."""
    folder = a_run(tmp_path)
    renew_manifest(folder, [folder.run])
    assert read_manifest(folder) is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"run": 1}', b"\xff"])
def test_a_damaged_manifest_is_named(tmp_path: Path, content: bytes) -> None:
    """With what to do."""
    folder = a_run(tmp_path)
    folder.manifest.write_bytes(content)
    with pytest.raises(StorageError, match=r"manifest\.json: .*; remove it, and upload again"):
        read_manifest(folder)


def test_a_manifest_of_another_format_is_refused(tmp_path: Path) -> None:
    """A later version may mean something else by it."""
    manifest = write_manifest(a_run(tmp_path))
    later = packed(msgspec.structs.replace(manifest, format="inferswarm-manifest/2"))
    with pytest.raises(ValueError, match="inferswarm-manifest/2"):
        parse_manifest(later)


def test_a_run_tells_its_id(tmp_path: Path) -> None:
    """Nothing where its description is missing or damaged."""
    folder = a_run(tmp_path)
    assert run_id(folder) == RUN
    assert [id_of(content) for content in (b"", b"[]", b"{}", b'{"id": 5}')] == [""] * 4
    folder.run.unlink()
    assert run_id(folder) == ""
