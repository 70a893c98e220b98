"""`inferswarm report`: summary and page again, from the stored records alone."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from inferswarm.cli.arguments import add_options
from inferswarm.cli.view import open_console
from inferswarm.config.tree import RunConfig
from inferswarm.config.warmup import checked
from inferswarm.errors import EXIT_GOAL_MISSED, EXIT_OK, InputError
from inferswarm.goals.judge import all_met
from inferswarm.goals.values import Goals
from inferswarm.reports import build, text
from inferswarm.storage import RunFolder

NAME = "report"
SUMMARY = "Rebuild summary.json and report.html of runs from their stored records."
EXAMPLES = """examples:
  inferswarm report runs/x
  inferswarm report runs/*
  inferswarm report runs/x --slo 'ttft.p95<500ms'
  inferswarm report runs/x --warmup 30s
A run that was killed has its records too: its report is made here. It is judged by the goals that it
was started with, unless others are given; a run that misses one makes the exit code 1.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folders, and goals and a warm-up in place of theirs."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    add_options(parser, RunConfig, ("goals", "load.warmup"))


def execute(parsed: argparse.Namespace) -> int:
    """Rebuild each run in turn."""
    console = open_console()
    given = getattr(parsed, "goals.slo"), getattr(parsed, "goals.goodput")
    warmup = _warmup(getattr(parsed, "load.warmup"))
    folders = [RunFolder.open(path) for path in parsed.runs]
    met = True
    for folder, goals in [(folder, build.goals_of(folder, *given)) for folder in folders]:
        built = read(folder, console, goals, warmup)
        met &= all_met(built.snapshot)
        build.write(folder, built)
        console.print(str(folder.path), style="bold", markup=False)
        console.print(text.result(built.snapshot))
        for damaged in built.reading.unreadable_parts:
            console.print(f"not readable to its end: {damaged}", style="yellow", markup=False)
        console.print(f"report: {folder.report}", markup=False)
    return EXIT_OK if met else EXIT_GOAL_MISSED


def _warmup(given: str | None) -> str | None:
    try:
        return None if given is None else checked(given)
    except ValueError as error:
        raise InputError(f"--warmup {given}: {error}") from None


def read(
    folder: RunFolder, console: Console, goals: Goals | None = None, warmup: str | None = None
) -> build.Built:
    """Build a run's results, showing how many records were read."""
    columns = (SpinnerColumn(), TextColumn("reading records: {task.completed:,.0f}"))
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("read", total=None)
        return build.build(
            folder, lambda count: progress.update(task, completed=count), goals, warmup
        )
