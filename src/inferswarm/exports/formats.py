"""The forms that a run can be exported in, and the exports of a run that has ended."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from inferswarm.errors import InputError
from inferswarm.exports import llmd_report, requests_csv, requests_parquet
from inferswarm.exports.source import Source
from inferswarm.snapshot import Snapshot
from inferswarm.storage import RunFolder

FLAG = "--export"


@dataclass(frozen=True, slots=True)
class Format:
    """One form: `file` is what it is called in a run folder; `ready` raises InputError if it cannot be.

    `write` raises StorageError.
    """

    name: str
    file: str
    sentence: str
    write: Callable[[Source, Path], None]
    ready: Callable[[], None] = lambda: None


FORMATS = {
    one.name: one
    for one in (
        Format(
            "csv",
            "requests.csv",
            "A line for each request, for spreadsheets.",
            requests_csv.write,
        ),
        Format(
            "parquet",
            "requests.parquet",
            "A row for each request with every token's arrival, for notebooks.",
            requests_parquet.write,
            requests_parquet.ready,
        ),
        Format(
            "llm-d",
            "llm-d-report.json",
            "The run's numbers as an llm-d Benchmark Report v0.2.",
            llmd_report.write,
        ),
    )
}


def formats_of(names: Iterable[str], flag: str) -> list[Format]:
    """The forms of these names, each once; refuses unknown ones, and those that need more installed.

    Raises InputError, which names the `flag` that they were given with.
    """
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in FORMATS:
            near = difflib.get_close_matches(name, FORMATS, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(f"{flag} {name}: must be one of {', '.join(FORMATS)}{hint}")
        FORMATS[name].ready()
    return [FORMATS[name] for name in wanted]


def export(folder: RunFolder, snapshot: Snapshot, names: Iterable[str]) -> list[Path]:
    """Write the exports of a run that has ended into its folder; their paths.

    Raises InputError as `formats_of` does, and StorageError.
    """
    source = Source(folder, snapshot)
    written = {folder.path / form.file: form for form in formats_of(names, FLAG)}
    for path, form in written.items():
        form.write(source, path)
    return list(written)
