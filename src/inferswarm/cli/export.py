"""`inferswarm export`: a finished run in forms that other tools read."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from inferswarm.cli.report import counting, run_at
from inferswarm.cli.view import complain, open_console
from inferswarm.delivery.manifest import renew_manifest
from inferswarm.errors import EXIT_OK, InputError, StorageError
from inferswarm.exports import formats
from inferswarm.exports.formats import FORMATS, Format, formats_of
from inferswarm.exports.source import Source
from inferswarm.snapshot import Snapshot
from inferswarm.storage import RunFolder
from inferswarm.stores import Uri

NAME = "export"
SUMMARY = "Write a run's requests as CSV or Parquet, or its numbers as an llm-d report."
EXAMPLES = """examples:
  inferswarm export runs/x
  inferswarm export runs/x --format parquet --out x.parquet
  inferswarm export runs/x --format csv --format parquet --format llm-d --out exports
  inferswarm export gs://bucket/path/runs/20261123-091500-1f2e --format parquet
With one format --out is a file, with several a folder; without it they go into the run folder. What is
there by that name is replaced. A run from a bucket is brought to its own name under runs/ first.
"""
FLAG = "--format"
USUAL = "csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, what it is to become, and where."""
    parser.add_argument(
        "run", metavar="RUN", help="a run folder, or where one was uploaded (gs://...)"
    )
    told = " ".join(f"{form.name}: {form.sentence}" for form in FORMATS.values())
    parser.add_argument(
        FLAG,
        action="append",
        metavar=f"{{{','.join(FORMATS)}}}",
        help=f"{told} (default: {USUAL}) May be given several times.",
    )
    parser.add_argument("--out", type=Path, metavar="PATH", help="Where to, in place of the run.")


def execute(parsed: argparse.Namespace) -> int:
    """Write each format in turn, and say where it is and what could not be read."""
    given = parsed.format or [USUAL]
    forms = formats_of((name.strip() for text in given for name in text.split(",")), FLAG)
    console = open_console()
    place = Uri.parse(parsed.run)
    folder = run_at((place, place.path if place.is_local else Path("runs") / place.name), console)
    placed = places(forms, folder, parsed.out)
    for form, path in placed.items():
        with counting(console) as progress:
            source = Source(folder, progress=progress)
            form.write(source, path)
        _say(source, console)
        console.print(f"{form.name}: {path}", markup=False, soft_wrap=True)
    renew_manifest(folder, [path for path in placed.values() if path.parent == folder.path])
    return EXIT_OK


def _say(source: Source, console: Console) -> None:
    """What of the run could not be read."""
    reading = source.reading
    for damaged in reading.unreadable_parts:
        console.print(f"not readable to its end: {damaged}", style="yellow", markup=False)
    if reading.damaged_lines:
        console.print(f"damaged lines, left out: {reading.damaged_lines:,}", style="yellow")


def places(forms: list[Format], folder: RunFolder, out: Path | None) -> dict[Format, Path]:
    """Where each format goes; makes the folder of several. Raises InputError."""
    if out is not None and len(forms) == 1 and not out.is_dir():
        return {forms[0]: _fitting(forms[0], out)}
    where = folder.path if out is None else out
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--out {where}: no folder for {len(forms)} formats can be made there: {error.strerror}; "
            "give another"
        ) from None
    return {form: where / form.file for form in forms}


def _fitting(form: Format, out: Path) -> Path:
    """The file for one format; refuses a name that promises another, and one in no folder."""
    named = [one for one in FORMATS.values() if Path(one.file).suffix == out.suffix.lower()]
    if named and form not in named:
        raise InputError(
            f"--out {out}: is named like {named[0].name}, and {FLAG} is {form.name}; give {FLAG} "
            f"{named[0].name}, or a name that ends in {Path(form.file).suffix}"
        )
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: {out.parent} is no folder; make it, or give another place")
    return out


def at_end(folder: RunFolder, snapshot: Snapshot, names: Sequence[str], console: Console) -> bool:
    """The exports of a run that has just ended; whether all were written. Says where they are."""
    try:
        for path in formats.export(folder, snapshot, names):
            console.print(f"export: {path}", markup=False, soft_wrap=True)
    except StorageError as error:
        complain(f"inferswarm: {error}")  # the run's own results are there and may still travel
        return False
    return True
