"""Facts about a worker's parent: records that are kept for a master elsewhere go to its bucket too."""

import json
from pathlib import Path

import pytest

from inferswarm.cli.worker import _safe_for


def told(folder: Path, upload: str) -> bytes:
    """What a worker process says of its records."""
    return json.dumps({"folder": str(folder), "upload": upload, "run": "r"}).encode() + b"\n"


def test_kept_records_are_followed_until_the_master_has_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One process for a bucket; it ends with the run, and what was handed in is not spoken of."""
    (safe,) = _safe_for(told(tmp_path / "handed-in", "s3://bucket/results"))
    assert safe._uploader.pid
    safe.end()
    assert not safe._uploader.pid
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("upload", ["", "results", "/mnt/results"])
def test_without_a_bucket_nothing_follows(tmp_path: Path, upload: str) -> None:
    """A folder of the master is none of this machine."""
    assert _safe_for(told(tmp_path, upload)) == []


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"something printed\n", b'{"folder": 5}\n'])
def test_other_words_of_the_process_are_passed_over(line: bytes) -> None:
    """Whatever a library prints."""
    assert _safe_for(line) == []
