"""`inferswarm report`: summary and page again, from the stored records alone."""

import argparse
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from inferswarm.cli.arguments import add_options
from inferswarm.cli.results import shown
from inferswarm.cli.view import complain, open_console
from inferswarm.config.tree import RunConfig
from inferswarm.config.warmup import checked
from inferswarm.delivery.fetching import fetch_run
from inferswarm.delivery.manifest import missing_files, read_manifest, renew_manifest
from inferswarm.errors import EXIT_GOAL_MISSED, EXIT_OK, InputError, StorageError
from inferswarm.goals.judge import all_met
from inferswarm.goals.values import Goals
from inferswarm.reports import build, text
from inferswarm.storage import RunFolder
from inferswarm.stores import Uri, store_for

NAME = "report"
SUMMARY = "Rebuild summary.json and report.html of runs from their stored records."
EXAMPLES = """examples:
  inferswarm report runs/x
  inferswarm report runs/*
  inferswarm report runs/x --slo 'ttft.p95<500ms'
  inferswarm report runs/x --warmup 30s
  inferswarm report gs://bucket/path/runs/20261123-091500-1f2e
A run that was killed has its records too: its report is made here. It is judged by the goals that it
was started with, unless others are given; a run that misses one makes the exit code 1. A run from a
bucket is brought here first and checked against its manifest; what is missing is said.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folders, and goals and a warm-up in place of theirs."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="a run folder, or where one was uploaded (gs://...)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="Where a run from a bucket is brought. Default: its own name under runs/.",
    )
    add_options(parser, RunConfig, ("goals", "load.warmup"))


def execute(parsed: argparse.Namespace) -> int:
    """Rebuild each run in turn."""
    console = open_console()
    given = getattr(parsed, "goals.slo"), getattr(parsed, "goals.goodput")
    warmup = warmup_of(getattr(parsed, "load.warmup"))
    folders = [run_at(place, console) for place in _places(parsed.runs, parsed.out)]
    met = True
    for folder, goals in [(folder, build.goals_of(folder, *given)) for folder in folders]:
        built = read(folder, console, goals, warmup)
        met &= all_met(built.snapshot)
        write(folder, built)
        console.print(str(folder.path), style="bold", markup=False)
        console.print(text.result(built.snapshot))
        for damaged in built.reading.unreadable_parts:
            console.print(f"not readable to its end: {damaged}", style="yellow", markup=False)
        console.print(f"report: {folder.report}", markup=False)
    return EXIT_OK if met else EXIT_GOAL_MISSED


def _places(runs: list[str], out: Path | None) -> list[tuple[Uri, Path]]:
    """Each run, and the folder that it is in or that it will be brought to."""
    places = [Uri.parse(run) for run in runs]
    if out is not None and (len(places) > 1 or places[0].is_local):
        raise InputError(f"--out {out}: it is for one run from a bucket; leave it out")
    runs_here = Path("runs")
    return [(at, at.path if at.is_local else out or runs_here / at.name) for at in places]


def run_at(place: tuple[Uri, Path], console: Console) -> RunFolder:
    """The run's folder; one from a bucket is brought first, and what is wrong with it is said."""
    uri, path = place
    if uri.is_local:
        folder = RunFolder.open(path)
        said = _missing(folder)
    else:
        with shown(console, "fetching") as show:
            folder, said = fetch_run(store_for(uri), uri, path, show)
        console.print(f"{uri} is in {path}", markup=False, soft_wrap=True)
    for line in said:
        console.print(line, style="yellow", markup=False, soft_wrap=True)
    return folder


def write(folder: RunFolder, built: build.Built) -> None:
    """Write what was built, and what the manifest says of it; raises StorageError."""
    build.write(folder, built)
    try:
        renew_manifest(folder, (folder.summary, folder.report))
    except StorageError as error:
        complain(f"inferswarm: {error}")


def _missing(folder: RunFolder) -> list[str]:
    """What a folder's manifest, if there is one, lists and the folder lacks."""
    try:
        manifest = read_manifest(folder)
    except StorageError as error:
        return [str(error)]
    names = missing_files(folder, manifest) if manifest else []
    return [f"{folder.path}: {name} is missing or cut, by the manifest" for name in names]


def warmup_of(given: str | None) -> str | None:
    """What `--warmup` gives in place of a run's own; raises InputError for what is no warm-up."""
    try:
        return None if given is None else checked(given)
    except ValueError as error:
        raise InputError(f"--warmup {given}: {error}") from None


def read(
    folder: RunFolder, console: Console, goals: Goals | None = None, warmup: str | None = None
) -> build.Built:
    """Build a run's results, showing how many records were read."""
    with counting(console) as progress:
        return build.build(folder, progress, goals, warmup)


@contextlib.contextmanager
def counting(console: Console) -> Iterator[Callable[[int], None]]:
    """Shows how many records were read: a function that is to be called with their number."""
    columns = (SpinnerColumn(), TextColumn("reading records: {task.completed:,.0f}"))
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("read", total=None)
        yield lambda count: progress.update(task, completed=count)
