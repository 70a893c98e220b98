"""Facts about the command line as a whole: help, refusals and exit codes."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from inferswarm import __version__
from inferswarm.cli import main as module
from inferswarm.cli.main import COMMANDS, main, parser
from inferswarm.errors import TargetError

SOURCES = str(Path(__file__).parents[2] / "src")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "inferswarm", *arguments],
        env={"PYTHONPATH": SOURCES},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("name", [command.NAME for command in COMMANDS])
def test_every_command_has_help_with_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--help` says what the command is for, and shows how it is used."""
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "example" in text
    assert f"  inferswarm {name}" in text


def test_help_lists_commands_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """The first thing that somebody tries tells everything else."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert f"    {command.NAME} " in text
        assert command.SUMMARY.split()[0] in text
    assert "examples:" in text
    assert "exit codes: 0 ok" in text


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """By the name of the command."""
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"inferswarm {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required: COMMAND"),
        (["rnu"], "invalid choice: 'rnu'"),
        (["run", "--usres", "3"], "did you mean --users?"),
        (["run", "--taget=h"], "did you mean --target?"),
        (["simulate", "--prot", "1"], "did you mean --port?"),
        (["run", "--users", "many"], "--users: load.users was given 'many'"),
        (["run", "--prompts", "/none/such"], "prompts /none/such"),
        (["run", "--backend", "vlm"], "did you mean vllm?"),
        (["report"], "required: RUN"),
        (["report", "/none/such"], "not a run folder"),
        (["config", "--config", "/none/such"], "configuration file /none/such"),
    ],
)
def test_wrong_input_ends_in_one_line_and_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the error stream, from the command's own name, before anything is loaded."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("inferswarm: ")
    assert said.err.count("\n") == 1
    assert words in said.err


def test_an_unreachable_target_ends_in_code_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any folder is made."""
    out = tmp_path / "run"
    assert main(["run", "--target", "127.0.0.1:1", "--out", str(out)]) == 4
    assert "is the server up" in capsys.readouterr().err
    assert not out.exists()


class Command:
    """A command that ends as it is told."""

    NAME, SUMMARY, EXAMPLES = "try", "Try.", "example:\n  inferswarm try"

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def add_arguments(self, sub: argparse.ArgumentParser) -> None:
        """No options."""

    def execute(self, parsed: argparse.Namespace) -> int:
        """End so."""
        if self.error:
            raise self.error
        return 3


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (None, 3, ""),
        (TargetError("gone"), 4, "inferswarm: gone\n"),
        (KeyboardInterrupt(), 130, "inferswarm: interrupted\n"),
        (ZeroDivisionError("a bug"), 5, "internal error: ZeroDivisionError: a bug"),
    ],
)
def test_every_end_has_its_code(
    error: BaseException | None,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Expected errors, Ctrl-C and bugs of ours, each in one line."""
    monkeypatch.delenv("INFERSWARM_DEBUG", raising=False)
    monkeypatch.setattr(module, "COMMANDS", (Command(error),))
    assert main(["try"]) == code
    assert words in capsys.readouterr().err


def test_a_bug_shows_its_traceback_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """INFERSWARM_DEBUG lets the exception through."""
    monkeypatch.setenv("INFERSWARM_DEBUG", "1")
    monkeypatch.setattr(module, "COMMANDS", (Command(ZeroDivisionError("a bug")),))
    with pytest.raises(ZeroDivisionError):
        main(["try"])


def test_python_dash_m_is_the_command() -> None:
    """In a process of its own, with its exit code."""
    assert run("--version").stdout == f"inferswarm {__version__}\n"
    wrong = run("run", "--users", "0")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Traceback" not in wrong.stderr


def test_a_reader_that_leaves_early_is_no_error() -> None:
    """`inferswarm config | head -1` ends quietly."""
    command = f"'{sys.executable}' -m inferswarm config | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        env={"PYTHONPATH": SOURCES, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "target.url\n0\n"
    assert done.stderr == ""


def test_the_parser_can_be_built_without_running() -> None:
    """Documentation is made from it."""
    assert parser().prog == "inferswarm"
