"""`inferswarm compare`: what differs between runs, and whether it is more than chance."""

import argparse
import contextlib
import string
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from inferswarm.cli.arguments import add_options
from inferswarm.cli.report import run_at, warmup_of
from inferswarm.cli.view import open_console
from inferswarm.compare.calls import FLOOR
from inferswarm.compare.conditions import OPTION, read_conditions
from inferswarm.config.tree import RunConfig
from inferswarm.errors import EXIT_GOAL_MISSED, EXIT_OK, InputError
from inferswarm.reports import compare, compare_text
from inferswarm.reports.compare_run import Side, read_side
from inferswarm.storage import RunFolder, new_folder
from inferswarm.stores import Uri

NAME = "compare"
SUMMARY = "Compare runs: what was set differently, what came out differently, and how sure that is."
EXAMPLES = """examples:
  inferswarm compare runs/before runs/after
  inferswarm compare runs/a runs/b runs/c --out runs/abc
  inferswarm compare gs://bucket/runs/20261122-1f2e runs/today
  inferswarm compare runs/main runs/branch --fail-if 'ttft.p95 worse than 5%' \\
      --fail-if 'throughput.output_tokens worse than 3%'

All later runs are held against the first. A difference is called when chance is ruled out, with all
comparisons of the table in mind, and when it is larger than --floor and than what we can measure.

exit codes: 0 ok, 1 a --fail-if holds, 2 wrong input, 5 internal error
"""
MOST_RUNS = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The runs, when to fail, and where results go."""
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="a run folder, or where one was uploaded (gs://...); the first is the base",
    )
    parser.add_argument(
        OPTION,
        action="append",
        default=[],
        metavar="CONDITION",
        help="Exit with code 1 when a later run is called so: 'ttft.p95 worse than 5%%', "
        "'error_rate worse', 'e2e.mean differs by 10%%'. May be given several times.",
    )
    parser.add_argument(
        "--floor",
        metavar="PERCENT",
        help=f"Differences up to this many per cent do not matter (default: {FLOOR * 100:g}%%).",
    )
    parser.add_argument("--seed", type=int, default=0, help="Seed of the draws (default: 0).")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="New folder for compare.json and compare.html."
    )
    add_options(parser, RunConfig, ("load.warmup",))


def execute(parsed: argparse.Namespace) -> int:
    """Check all that was asked, read every run, and say what differs."""
    console = open_console()
    conditions = read_conditions(parsed.fail_if)
    asked = compare.Asked(_floor(parsed.floor), parsed.seed, conditions)
    warmup = warmup_of(getattr(parsed, "load.warmup"))
    folders = _folders(parsed.runs, console)
    if parsed.out is not None:
        new_folder(parsed.out, parsed.out)
    sides = list(_sides(folders, parsed.seed, warmup, console))
    made = compare.compare(sides, asked)
    console.print(compare_text.result(made))
    if parsed.out is not None:
        compare.write(parsed.out, made, sides)
        console.print(f"report: {parsed.out / compare.PAGE}", markup=False, soft_wrap=True)
    return EXIT_GOAL_MISSED if any(one.failed for one in made.conditions) else EXIT_OK


def _floor(given: str | None) -> float:
    if given is None:
        return FLOOR
    try:
        floor = float(given.strip().removesuffix("%")) / 100
    except ValueError:
        floor = -1.0
    if not 0 <= floor < 1:
        raise InputError(f"--floor {given}: must be per cent from 0 to below 100, as in --floor 2%")
    return floor


def _folders(given: Sequence[str], console: Console) -> list[RunFolder]:
    """The runs' folders; those from a bucket are brought under runs/ first, as `report` does."""
    if len(given) < 2:
        raise InputError(f"compare {given[0]}: needs two runs or more; name one to compare it with")
    if len(given) > MOST_RUNS:
        raise InputError(f"compare: {len(given)} runs were given; at most {MOST_RUNS} at once")
    places = [Uri.parse(one) for one in given]
    paths = [place.path if place.is_local else Path("runs") / place.name for place in places]
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError(
            "compare: two of the runs are the same, or would be brought to the same folder"
        )
    return [run_at(both, console) for both in zip(places, paths, strict=True)]


def _sides(
    folders: Sequence[RunFolder], seed: int, warmup: str | None, console: Console
) -> Iterator[Side]:
    names = _names([folder.path for folder in folders])
    for label, name, folder in zip(string.ascii_uppercase, names, folders, strict=False):
        with _bar(f"{label} {name}", console) as progress:
            yield read_side(folder, label, name, seed, warmup, progress)


def _names(paths: Sequence[Path]) -> list[str]:
    """The last parts of the paths, as many as tell them apart."""
    whole = [path.resolve().parts for path in paths]
    for length in range(1, max(map(len, whole))):
        names = ["/".join(parts[-length:]) for parts in whole]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


@contextlib.contextmanager
def _bar(what: str, console: Console) -> Iterator[Callable[[float], None]]:
    """Shows how far the reading of a run is: a function to be called with the share."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda share: progress.update(task, completed=share)
