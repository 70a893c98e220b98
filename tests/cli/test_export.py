"""Facts about `inferswarm export`."""

import csv
import json
from pathlib import Path

import pytest
from rich.console import Console

from inferswarm.cli.export import at_end
from inferswarm.cli.main import main
from inferswarm.delivery.manifest import read_manifest, write_manifest
from inferswarm.exports.formats import FORMATS
from inferswarm.reports.build import build
from inferswarm.storage import RunFolder
from inferswarm.stores import Uri, store_for
from tests import clouds
from tests.builders import record
from tests.exports.folders import damage, run_of


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run of three requests."""
    return run_of(tmp_path / "x", [record(k=k) for k in range(3)])


def test_without_more_it_is_csv_in_the_run_folder(
    folder: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The place is told, and an export may be made again."""
    for _ in range(2):
        assert main(["export", str(folder.path)]) == 0
    with (folder.path / "requests.csv").open(newline="") as file:
        assert [line["k"] for line in csv.DictReader(file)] == ["0", "1", "2"]
    said = capsys.readouterr()
    assert f"csv: {folder.path / 'requests.csv'}" in said.out
    assert said.err == ""


def test_one_format_goes_to_the_file_asked_for(folder: RunFolder, tmp_path: Path) -> None:
    """Or, where that is a folder, into it by its own name."""
    out = tmp_path / "a.json"
    assert main(["export", str(folder.path), "--format", "llm-d", "--out", str(out)]) == 0
    assert json.loads(out.read_bytes())["version"] == "0.2"
    assert main(["export", str(folder.path), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "requests.csv").exists()


@pytest.mark.parametrize(
    "given", [["--format", "csv", "--format", "llm-d"], ["--format", "csv,llm-d"]]
)
def test_several_formats_go_into_a_folder(
    folder: RunFolder, tmp_path: Path, given: list[str]
) -> None:
    """It is made if need be."""
    out = tmp_path / "new" / "exports"
    assert main(["export", str(folder.path), *given, "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {"requests.csv", "llm-d-report.json"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x", "--format", "xlsx"], "--format xlsx: must be one of csv, parquet, llm-d"),
        (["none"], "none: not a run folder"),
    ],
)
def test_what_cannot_be_is_refused(
    folder: RunFolder,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one line, with exit code 2, and nothing is written."""
    before = set(folder.path.iterdir())
    monkeypatch.chdir(folder.path.parent)
    assert main(["export", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert set(folder.path.iterdir()) == before


def test_a_folder_that_cannot_be_made_is_named(
    folder: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file stands where it should be."""
    (tmp_path / "file").touch()
    given = ["--format", "csv,llm-d", "--out", str(tmp_path / "file" / "in")]
    assert main(["export", str(folder.path), *given]) == 2
    assert "no folder for 2 formats can be made there: Not a dir" in capsys.readouterr().err
    given[-1] = str(tmp_path / "file")
    assert main(["export", str(folder.path), *given]) == 2
    assert "no folder for 2 formats can be made there: File exists" in capsys.readouterr().err
    assert main(["export", str(folder.path), "--out", str(tmp_path / "file" / "x.csv")]) == 2
    assert f"{tmp_path}/file is no folder; make it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "name", "remedy"),
    [
        ("parquet", "x.csv", "give --format csv, or a name that ends in .parquet"),
        ("csv", "x.PARQUET", "give --format parquet, or a name that ends in .csv"),
        ("llm-d", "x.csv", "give --format csv, or a name that ends in .json"),
    ],
)
def test_a_name_that_promises_another_format_is_refused(
    folder: RunFolder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    form: str,
    name: str,
    remedy: str,
) -> None:
    """Nothing is written; names that promise nothing are taken."""
    words = ["export", str(folder.path), "--format", form, "--out"]
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="needs pyarrow (the extra parquet)")
    assert main([*words, str(tmp_path / name)]) == 2
    assert remedy in capsys.readouterr().err
    assert not (tmp_path / name).exists()
    assert main([*words, str(tmp_path / "x.data")]) == 0


def test_what_could_not_be_read_is_said(
    folder: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest is exported."""
    assert main(["export", str(damage(folder).path)]) == 0
    said = capsys.readouterr().out
    assert "not readable to its end: w1-00001.jsonl.zst" in said
    assert "damaged lines, left out: 1" in said


def test_a_manifest_knows_exports_in_its_folder(folder: RunFolder, tmp_path: Path) -> None:
    """They belong to the run then; what goes elsewhere does not."""
    write_manifest(folder)
    assert main(["export", str(folder.path), "--out", str(tmp_path / "a.csv")]) == 0
    assert main(["export", str(folder.path), "--format", "llm-d"]) == 0
    manifest = read_manifest(folder)
    assert manifest is not None
    assert {"llm-d-report.json"} == set(manifest.by_path) & {"llm-d-report.json", "a.csv"}


def test_a_run_from_a_bucket_is_brought_first(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is exported from its own name under runs/ here."""
    pytest.importorskip("s3fs", reason="needs s3fs (the extra s3)")
    pytest.importorskip("moto", reason="needs moto")
    write_manifest(folder)
    monkeypatch.chdir(tmp_path)
    with clouds.s3() as cloud, cloud.in_use():
        place = Uri.parse(cloud.uri).child("runs/away")
        for path in (path for path in folder.path.rglob("*") if path.is_file()):
            store_for(place).put(path, place.child(path.relative_to(folder.path).as_posix()))
        assert main(["export", str(place)]) == 0
    with (tmp_path / "runs" / "away" / "requests.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3


def test_an_export_at_the_end_that_fails_is_said(
    folder: RunFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    """In a line of its own, so that the run's own results can still go where they should."""
    console = Console(quiet=True)
    shot = build(folder).snapshot
    assert at_end(folder, shot, ["csv"], console)
    (folder.path / FORMATS["llm-d"].file).mkdir()
    assert not at_end(folder, shot, ["llm-d"], console)
    assert "llm-d-report.json could not be written" in capfd.readouterr().err
