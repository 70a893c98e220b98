"""`inferswarm upload`: finishes bringing a run's results to where they are kept."""

import argparse
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from inferswarm.cli.results import shown
from inferswarm.cli.view import open_console
from inferswarm.delivery.manifest import run_id, write_manifest
from inferswarm.delivery.retrying import PATIENCE_S
from inferswarm.delivery.sending import Sender, deliver, place_of
from inferswarm.errors import EXIT_OK, InputError
from inferswarm.storage import OPEN_SUFFIX, RunFolder, Sealer
from inferswarm.storage.sealing import is_being_written
from inferswarm.stores import Uri, store_for
from inferswarm.stores.table import SCHEMES as BUCKETS

NAME = "upload"
SUMMARY = "Bring runs to a bucket or folder, or finish that; what is there already is skipped."
EXAMPLES = """examples:
  inferswarm upload runs/x                        to where the run's own --upload said
  inferswarm upload runs/x --to gs://bucket/path
A run goes to PATH/runs/ID, file by file, its manifest last: who finds the manifest finds all that it
lists. Exit code 0 means that all is there.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folders, and where to."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument(
        "--to", metavar="URI", default="", help="A bucket's path or a folder, as --upload of a run."
    )


def execute(parsed: argparse.Namespace) -> int:
    """Each run in turn."""
    console = open_console()
    folders = [RunFolder.open(path) for path in parsed.runs]
    for folder, place in [(folder, _place(folder, parsed.to)) for folder in folders]:
        bring(folder, place, console)
    return EXIT_OK


def awaited(folder: RunFolder) -> Uri | None:
    """Where a run is to be uploaded and has not arrived yet; None for any other."""
    upload = _configured(folder)
    if not upload or folder.arrived.exists():
        return None
    return place_of(upload, run_id(folder) or folder.path.resolve().name)


def _place(folder: RunFolder, to: str) -> Uri:
    upload = to or _configured(folder)
    if not upload:
        raise InputError(f"{folder.path}: it was run without --upload; say where to with --to URI")
    writing = [
        path.name for path in folder.records.glob(f"*{OPEN_SUFFIX}") if is_being_written(path)
    ]
    if writing:
        raise InputError(
            f"{folder.path}: the run still writes {writing[0]}; upload it when it ended"
        )
    place = place_of(upload, run_id(folder) or folder.path.resolve().name)
    if place.scheme not in BUCKETS:  # what needs no network to be refused is refused at once
        store_for(place).check_writable(place)
    return place


def bring(folder: RunFolder, place: Uri, console: Console, patience_s: float = PATIENCE_S) -> None:
    """Bring all of a run there that is not there yet; raises StoreError, and StorageError."""
    sender = Sender.of_run(folder, place)
    Sealer(folder).seal_all()
    manifest = write_manifest(folder)
    for line in _incomplete(folder, ended=manifest.ended):
        console.print(line, style="yellow", markup=False, soft_wrap=True)
    with shown(console, "uploading") as show:
        sent = deliver(sender, folder, manifest, show, patience_s)
    console.print(
        f"{place}: all of {len(manifest.files)} files are there, {sent} of them sent now "
        f"({manifest.records:,} records in {manifest.parts} parts)",
        markup=False,
        soft_wrap=True,
    )


def _incomplete(folder: RunFolder, *, ended: bool) -> list[str]:
    """What a reader of the run will miss."""
    said = []
    if not ended:
        said.append(f"{folder.path}: the run did not end in order, so records may be missing")
    if not folder.summary.exists():
        said.append(f"{folder.path}: no report yet; `inferswarm report {folder.path}` makes it")
    return said


def exports_of(folder: RunFolder) -> list[str]:
    """The exports that the run itself was to make."""
    names = _output_of(folder).get("exports")
    return [str(name) for name in names] if isinstance(names, list) else []


def _configured(folder: RunFolder) -> str:
    """Where the run itself was to be uploaded; empty where nothing says so."""
    return str(_output_of(folder).get("upload") or "")


def _output_of(folder: RunFolder) -> dict[str, Any]:
    """The section `output` of the configuration that lies in a run folder."""
    try:
        found: Any = yaml.safe_load(folder.config.read_text(encoding="utf-8"))
        return dict(found["output"])
    except (OSError, yaml.YAMLError, ValueError, TypeError, KeyError, RecursionError):
        return {}
