"""Facts about how `inferswarm doctor` shows what it found."""

import io
import json
from dataclasses import fields

import pytest
from rich.console import Console

from inferswarm.cli import doctor
from inferswarm.cli.main import main
from inferswarm.doctor.findings import Measure, Name, note, ok, problem
from inferswarm.doctor.report import Report
from tests.servers import free_port

FOUND = Report(
    *("http://h:1", "vllm", "chat", "m"),
    [ok(Name.REACHABLE, "connected"), problem(Name.FRAMING, "all together " * 9, "look for why")],
    [note(Measure.ITL, "hard to tell")],
    "inferswarm run --target http://h:1 --set 'request.extra_body={\"a\": [1]}'",
    ["target.headers"],
    1,
)


def shown(*, terminal: bool) -> list[str]:
    """The lines on a screen of 60 columns, or in a pipe."""
    text = io.StringIO()
    doctor._show(Console(file=text, force_terminal=terminal, width=60, color_system=None), FOUND)
    return text.getvalue().splitlines()


def test_a_pipe_gets_a_line_for_each_finding() -> None:
    """With its mark, its name and its remedy, however long; the command is not broken either."""
    lines = shown(terminal=False)
    assert lines[0] == f"ok       {'reachable':16}  connected"
    assert lines[1].startswith(f"PROBLEM  {'framing':16}  all together")
    assert lines[1].endswith("-> look for why")
    assert f"  {FOUND.command}" in lines
    assert "target.headers" in lines[-1]


def test_a_screen_gets_columns() -> None:
    """Long sentences go on below themselves."""
    lines = shown(terminal=True)
    assert lines[1].startswith("PROBLEM  framing")
    assert lines[2][:27].isspace()
    assert lines[2][27:].startswith(("all", "together"))


def test_json_holds_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit code is the command's own."""
    code = main(["doctor", "--target", f"127.0.0.1:{free_port()}", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == found["exit_code"] == 4
    assert [(one["name"], one["state"]) for one in found["findings"]] == [("reachable", "problem")]
    assert set(found) == {one.name for one in fields(Report)}
