"""Runs whose master was killed: what they recorded gets its report, and goes where it was to be kept."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from inferswarm.cli import export, upload
from inferswarm.cli.view import complain
from inferswarm.errors import InferswarmError
from inferswarm.facts import facts_of
from inferswarm.reports import build
from inferswarm.storage import RunFolder

CUT_OFF = "its master ended during the run"


def cut_off(folders: Sequence[RunFolder]) -> list[RunFolder]:
    """Those without a report; the newest also when it has not arrived where it was to be uploaded.

    Older ones that did not arrive were given up, with a word on how to finish.
    """
    newest = folders[-1:]
    return [one for one in folders if not one.summary.exists() or (one in newest and _unsent(one))]


def _unsent(folder: RunFolder) -> bool:
    """Whether a standing master was to upload it; another command may still be at its own."""
    return "key" in facts_of(folder) and upload.awaited(folder) is not None


def mend(folder: RunFolder, console: Console, patience_s: float) -> dict[str, Any]:
    """Do what is left to do for a run; its facts then. What does not work is said, and told in them.

    A run that was cut off during its load is not complete, and stays here.
    """
    try:
        if not folder.summary.exists():
            built = build.build(folder)
            build.write(folder, built)
            export.at_end(folder, built.snapshot, upload.exports_of(folder), console)
    except InferswarmError as error:
        complain(f"inferswarm: {folder.path}: {error}")
        return facts_of(folder) | {"final": "interrupted", "error": CUT_OFF}
    facts = facts_of(folder)
    if facts.get("final") == "interrupted":
        return facts | {"error": CUT_OFF}
    try:
        if place := upload.awaited(folder):
            upload.bring(folder, place, console, patience_s)
    except InferswarmError as error:
        complain(f"inferswarm: {folder.path}: {error}")
        return facts | {"error": not_all(folder)}
    return facts_of(folder)


def not_all(folder: RunFolder) -> str:
    """What to say of a run whose results did not all arrive."""
    return f"not all results arrived: `inferswarm upload {folder.path}` finishes"
