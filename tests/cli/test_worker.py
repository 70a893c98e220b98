"""Facts about a worker's parent: records that are kept for a master elsewhere go to its bucket too."""

import json
import signal
from pathlib import Path

import pytest

from inferswarm.cli.main import main
from inferswarm.cli.worker import _Leave, _safe_for


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


def test_told_to_end_it_ends_at_once_between_runs() -> None:
    """Nobody counts on it."""
    with pytest.raises(KeyboardInterrupt):
        _Leave(600.0).asked_for(signal.SIGTERM, None)


def test_told_to_end_during_a_run_it_ends_after_it(capfd: pytest.CaptureFixture[str]) -> None:
    """Unless it is told again, or its time is over."""
    leave = _Leave(600.0)
    leave.in_run = True
    try:
        leave.asked_for(signal.SIGTERM, None)
        left_s, _ = signal.getitimer(signal.ITIMER_REAL)
        assert leave.asked
        assert 590 < left_s <= 600
        assert capfd.readouterr().out == "told to end: after this run\n"
        with pytest.raises(KeyboardInterrupt):
            leave.asked_for(signal.SIGTERM, None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_without_grace_no_run_is_waited_for() -> None:
    """As before there was any."""
    leave = _Leave(0.0)
    leave.in_run = True
    with pytest.raises(KeyboardInterrupt):
        leave.asked_for(signal.SIGTERM, None)


def test_the_grace_is_a_duration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything else is refused before it joins."""
    monkeypatch.setenv("INFERSWARM_TOKEN", "a-token-of-the-test")
    assert main(["worker", "--master", "127.0.0.1:9", "--grace", "long"]) == 2
    assert "--grace was given 'long'; it must be a duration" in capsys.readouterr().err
