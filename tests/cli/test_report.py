"""Facts about `inferswarm report`: results from the records alone."""

import json
from pathlib import Path

import pytest

from inferswarm.cli.main import main
from inferswarm.storage import RecordWriter, RunFolder
from tests.builders import START_NS, S, record


def killed(path: Path) -> RunFolder:
    """What a run leaves that was killed: records, the last of them half."""
    folder = RunFolder.create(path)
    writer = RecordWriter(folder.records, "r", 0, 1 << 30, recorder="thread", clock="kernel")
    for k in range(7):
        writer.write([record(k=k, due_ns=START_NS + k * S, sent_ns=START_NS + k * S)])
    writer.close()
    (part,) = folder.records.iterdir()
    part.write_bytes(part.read_bytes()[:-20])
    return folder


def test_a_killed_run_gets_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers and page are made, INVALID, and the command succeeds."""
    folder = killed(tmp_path / "x")
    assert main(["report", str(folder.path)]) == 0
    summary = json.loads(folder.summary.read_text())
    assert summary["requests"]["succeeded"] == 6
    assert summary["verdict"]["valid"] is False
    assert "INVALID" in folder.report.read_text()
    said = capsys.readouterr()
    assert "INVALID" in said.out
    assert "6 of 6 requests succeeded" in said.out
    assert said.err == ""


def test_several_runs_are_reported_in_turn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with its own folder's files."""
    folders = [killed(tmp_path / name) for name in "ab"]
    assert main(["report", *(str(folder.path) for folder in folders)]) == 0
    assert all(folder.summary.exists() and folder.report.exists() for folder in folders)
    assert capsys.readouterr().out.count("INVALID") == 2


def test_no_run_is_touched_when_one_is_none(tmp_path: Path) -> None:
    """The refusal comes before the work."""
    folder = killed(tmp_path / "a")
    assert main(["report", str(folder.path), str(tmp_path)]) == 2
    assert not folder.summary.exists()


@pytest.mark.parametrize("name", ["[x]", "[bold]", "a[/]b", "a[/b]"])
def test_any_name_of_a_folder_is_shown_as_it_is(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brackets are no markup."""
    monkeypatch.chdir(tmp_path)
    killed(tmp_path / name)
    assert main(["report", name]) == 0
    assert capsys.readouterr().out.splitlines()[0] == name


def test_an_unreadable_part_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What could not be read to its end is told, the rest is reported."""
    folder = killed(tmp_path / "x")
    (folder.records / "w9-00001.jsonl").write_bytes(b"[bold] noise\n")
    assert main(["report", str(folder.path)]) == 0
    out = capsys.readouterr().out
    assert "not readable to its end: w9-00001.jsonl" in out
    assert "6 of 6" in out


def test_a_run_without_a_record_is_reported(tmp_path: Path) -> None:
    """Killed before its first answer, a run has an empty report and no crash."""
    folder = RunFolder.create(tmp_path / "x")
    assert main(["report", str(folder.path)]) == 0
    assert json.loads(folder.summary.read_text())["requests"]["attempted"] == 0


def judged(path: Path, *arguments: str) -> tuple[int, list[bool]]:
    """The exit code of a report with these goals, and which of them were met."""
    code = main(["report", str(path), *arguments])
    summary = json.loads((path / "summary.json").read_text())
    return code, [goal["met"] for goal in summary["goals"]]


def test_a_missed_goal_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Met, missed, and both, against the TTFT of 200 ms of these records."""
    path = killed(tmp_path / "x").path
    assert judged(path, "--slo", "ttft.p95<300ms") == (0, [True])
    assert judged(path, "--slo", "ttft.p95<100ms") == (1, [False])
    assert "MISSED" in capsys.readouterr().out
    assert judged(path, "--slo", "ttft.p95<300ms", "--slo", "ttft.p95<100ms") == (1, [True, False])
    assert judged(path) == (0, [])


def test_a_run_is_judged_by_the_goals_it_was_started_with(tmp_path: Path) -> None:
    """Each list until another is given in its place."""
    folder = killed(tmp_path / "x")
    kept = "goals: {slo: ['goodput.share>=99%'], goodput: ['ttft<100ms']}"
    folder.config.write_text(kept)
    assert judged(folder.path) == (1, [False])
    assert judged(folder.path, "--goodput", "ttft<300ms") == (0, [True])
    assert judged(folder.path, "--slo", "error_rate<1%") == (0, [True])
    goodput = json.loads(folder.summary.read_text())["goodput"]
    assert (goodput["limits"], goodput["good"], goodput["share"]) == (["ttft<100ms"], 0, 0.0)


def test_one_run_that_misses_is_enough(tmp_path: Path) -> None:
    """All are reported, whichever missed."""
    good, bad = killed(tmp_path / "a"), killed(tmp_path / "b")
    bad.config.write_text("goals: {slo: ['ttft.p95<100ms']}")
    for order in ([good, bad], [bad, good]):
        assert main(["report", *(str(folder.path) for folder in order)]) == 1
        assert all(folder.report.exists() for folder in order)


def test_wrong_goals_are_refused_before_the_work(tmp_path: Path) -> None:
    """As are goals on goodput that nothing limits."""
    folder = killed(tmp_path / "x")
    assert main(["report", str(folder.path), "--slo", "ttft<1s"]) == 2
    assert main(["report", str(folder.path), "--slo", "goodput.share>5%"]) == 2
    assert not folder.summary.exists()
