"""Facts about runs whose master was killed, by what it left on the disk."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from inferswarm.cli.recovery import CUT_OFF, cut_off, mend
from inferswarm.delivery.manifest import read_manifest
from inferswarm.storage import RunFolder
from tests.builders import record
from tests.exports.folders import RUN, run_of

QUIET = Console(quiet=True)


def left(path: Path, reason: str = "duration", upload: Path | None = None) -> RunFolder:
    """A run that was cut off before its report was made; without a reason, during its load."""
    output = {"upload": str(upload) if upload else "", "exports": ["csv"]}
    folder = run_of(path, [record(k=k) for k in range(3)], output=output)
    run = json.loads(folder.run.read_text()) | {"key": "k"} | ({"reason": reason} if reason else {})
    folder.run.write_text(json.dumps(run))
    return folder


def test_what_is_left_to_do_is_done(tmp_path: Path) -> None:
    """Report, exports and upload of a run whose load had ended; done twice it is the same."""
    folder = left(tmp_path / "x", upload=tmp_path / "kept")
    assert cut_off([folder]) == [folder]
    told = mend(folder, QUIET, 0.0)
    place = tmp_path / "kept" / "runs" / RUN["id"]
    assert (told["final"], told["error"], told["uploaded"]) == ("done", "", str(place))
    manifest = read_manifest(RunFolder(place))
    assert manifest is not None
    assert {"report.html", "requests.csv", "summary.json"} <= set(manifest.by_path)
    assert ".arrived" not in manifest.by_path
    assert cut_off([folder]) == []
    assert mend(folder, QUIET, 0.0) == told


def test_a_run_that_was_cut_off_in_its_load_gets_its_report(tmp_path: Path) -> None:
    """It is not complete, so it stays where it is."""
    folder = left(tmp_path / "x", reason="", upload=tmp_path / "kept")
    told = mend(folder, QUIET, 0.0)
    assert (told["final"], told["error"]) == ("interrupted", CUT_OFF)
    assert folder.report.exists()
    assert not (tmp_path / "kept").exists()


def test_a_place_that_takes_nothing_is_told(tmp_path: Path) -> None:
    """With the command that finishes."""
    (tmp_path / "kept").touch()
    folder = left(tmp_path / "x", upload=tmp_path / "kept")
    told = mend(folder, QUIET, 0.0)
    assert told["final"] == "done"
    assert told["error"] == f"not all results arrived: `inferswarm upload {folder.path}` finishes"
    assert "uploaded" not in told


def test_a_run_that_cannot_be_read_is_interrupted(tmp_path: Path) -> None:
    """And does not keep others from being told of."""
    folder = left(tmp_path / "x")
    folder.config.write_text("{")
    folder.run.write_text("{")
    folder.report.mkdir()
    told = mend(folder, QUIET, 0.0)
    assert (told["final"], told["error"]) == ("interrupted", CUT_OFF)


@pytest.mark.parametrize("newest", [True, False])
def test_only_the_newest_is_brought_away_again(tmp_path: Path, newest: object) -> None:
    """Older ones were given up, or are from before somebody knew what had arrived."""
    folder = left(tmp_path / "x", upload=tmp_path / "kept")
    other = left(tmp_path / "y")
    for one in (folder, other):
        one.summary.write_text("{}")
    folders = [other, folder] if newest else [folder, other]
    assert cut_off(folders) == ([folder] if newest else [])
    folder.run.write_text(json.dumps(RUN | {"reason": "duration"}))
    assert cut_off(folders) == [], "it is no standing master's"
