"""`inferswarm report`: summary and page again, from the stored records alone."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from inferswarm.cli.view import open_console
from inferswarm.errors import EXIT_OK
from inferswarm.reports import build, text
from inferswarm.storage import RunFolder

NAME = "report"
SUMMARY = "Rebuild summary.json and report.html of runs from their stored records."
EXAMPLES = """examples:
  inferswarm report runs/x
  inferswarm report runs/*
A run that was killed has its records too: its report is made here.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folders."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")


def execute(parsed: argparse.Namespace) -> int:
    """Rebuild each run in turn."""
    console = open_console()
    for folder in [RunFolder.open(path) for path in parsed.runs]:
        built = read(folder, console)
        build.write(folder, built)
        console.print(str(folder.path), style="bold", markup=False)
        console.print(text.result(built.snapshot))
        for damaged in built.reading.unreadable_parts:
            console.print(f"not readable to its end: {damaged}", style="yellow", markup=False)
        console.print(f"report: {folder.report}", markup=False)
    return EXIT_OK


def read(folder: RunFolder, console: Console) -> build.Built:
    """Build a run's results, showing how many records were read."""
    columns = (SpinnerColumn(), TextColumn("reading records: {task.completed:,.0f}"))
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("read", total=None)
        return build.build(folder, lambda count: progress.update(task, completed=count))
