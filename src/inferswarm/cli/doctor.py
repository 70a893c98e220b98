"""`inferswarm doctor`: look at a server before a run."""

import argparse
import os
import signal
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from inferswarm.cli.arguments import add_options, add_sources, configuration
from inferswarm.cli.view import open_console
from inferswarm.config.tree import RunConfig
from inferswarm.config.units import Duration
from inferswarm.doctor.examine import examine
from inferswarm.doctor.findings import Finding, State
from inferswarm.doctor.report import Report, report
from inferswarm.errors import InputError
from inferswarm.target import secrets_of

NAME = "doctor"
SUMMARY = "Look at a server: what it is, what can be measured of it, and how to ask."
EXAMPLES = """examples:
  inferswarm doctor --target localhost:8000          finds out what the server is
  inferswarm doctor --target https://llm.example.com --backend vllm --api chat
  inferswarm doctor --target localhost:8000 --ignore-eos --json

About eight short requests are sent. At the end stands a command for a run that fits.

exit codes: 0 all fine, 1 something cannot be measured as the options ask, 2 wrong input,
4 target unreachable or refusing, 5 internal error, 130 interrupted
"""
DEFAULT_LIMIT = "60s"
_MARK_WIDTH, _NAME_WIDTH = 7, 16
_MARKS = {
    State.OK: Text("ok", "green"),
    State.NOTE: Text("note", "yellow"),
    State.PROBLEM: Text("PROBLEM", "bold red"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the target and of requests, and the sources of all options."""
    add_options(parser, RunConfig, ("target", "request"))
    add_sources(parser)
    parser.add_argument(
        "--limit",
        metavar="TIME",
        default=DEFAULT_LIMIT,
        help=f"Longest time in all, such as 30s or 5m (default: {DEFAULT_LIMIT}).",
    )
    parser.add_argument("--json", action="store_true", help="All findings as JSON on stdout.")


def execute(parsed: argparse.Namespace) -> int:
    """Look, and say what was found."""
    config = configuration(RunConfig, parsed)
    if not config.target.url:
        raise InputError("target.url is empty: give --target, as in --target localhost:8000")
    limit_s = _limit_s(parsed.limit)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # they clean up as Ctrl-C does
    secrets = secrets_of(config.target, os.environ)
    found = report(examine(config, limit_s), config, secrets)
    if parsed.json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        _show(open_console(), found)
    return found.exit_code


def _limit_s(given: str) -> float:
    try:
        limit = Duration.parse(given)
    except ValueError as error:
        raise InputError(f"--limit {given}: {error}") from None
    if limit <= 0:
        raise InputError(f"--limit {given}: it must be longer than 0s")
    return limit.seconds


def _show(console: Console, found: Report) -> None:
    """A line for each finding, what can be measured, and the command."""
    _list(console, found.findings)
    if found.measures:
        console.print(Text("\nA run will measure", style="bold"))
        _list(console, found.measures)
    if not found.command:
        return
    console.print(Text("\nA run that fits", style="bold"))
    console.print(f"  {found.command}", markup=False, soft_wrap=True)
    if found.left_out:
        others = f"  and as you gave it, not shown here: {', '.join(found.left_out)}"
        console.print(others, markup=False, soft_wrap=True)


def _list(console: Console, findings: Sequence[Finding]) -> None:
    """One line each where no person reads them, else columns."""
    if console.is_terminal:
        table = Table.grid(padding=(0, 2))
        table.add_column(min_width=_MARK_WIDTH)
        table.add_column(min_width=_NAME_WIDTH, no_wrap=True)
        table.add_column(overflow="fold")
        for one in findings:
            table.add_row(_MARKS[one.state], str(one.name), _said(one))
        console.print(table)
        return
    for one in findings:
        line = Text(f"{_MARKS[one.state].plain:{_MARK_WIDTH}}  {one.name:{_NAME_WIDTH}}  ")
        console.print(line.append_text(_said(one)), soft_wrap=True)


def _said(finding: Finding) -> Text:
    said = Text(finding.sentence)
    if finding.remedy:
        said.append(f" -> {finding.remedy}", "bold" if finding.state is State.PROBLEM else "dim")
    return said
