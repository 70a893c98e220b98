"""Requests as CSV: a line for each, for spreadsheets and for scripts of older load generators.

The first five columns are those that such scripts know. Then comes every column of
`exports.columns` that is one value; durations in ms, instants as UTC texts.
"""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inferswarm.exports.columns import COLUMNS, Column
from inferswarm.exports.source import Source, replacing
from inferswarm.records import INSTANTS, Record
from inferswarm.scales import NS_PER_MS, NS_PER_S
from inferswarm.timing import ttft_ns

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a text must not begin with: a formula to a spreadsheet, or our own mark of one."""

Read = Callable[[Record], Any]


def write(source: Source, path: Path) -> None:
    """Write the file, record by record; raises StorageError naming it."""
    with replacing(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(CELLS)
        for record in source.records():
            lines.writerow([read(record) for read in CELLS.values()])


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula: where it might, an apostrophe stands first."""
    return f"'{text}" if text.startswith(_RISKY) else text


def instant(at_ns: int) -> str:
    """An instant as ISO 8601 text in UTC, to the nanosecond; empty for 0, which is none."""
    if not at_ns:
        return ""
    whole = datetime.fromtimestamp(at_ns // NS_PER_S, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at_ns % NS_PER_S:09d}Z"


def _seconds(duration_ns: int | None) -> float | None:
    return None if duration_ns is None else duration_ns / NS_PER_S


def _total_ns(record: Record) -> int | None:
    return record.end_ns - record.sent_ns if record.sent_ns else None


def cell(column: Column) -> tuple[str, Read]:
    """What a column of one value is called here, and how its cell is read."""
    read, stem = column.read, column.name.removesuffix("_ns")
    if column.name in INSTANTS:
        return stem, lambda record: instant(read(record))
    if stem != column.name:
        return f"{stem}_ms", lambda record: _milliseconds(read(record))
    return stem, lambda record: _plain(read(record))


def _milliseconds(duration_ns: int | None) -> float | None:
    return None if duration_ns is None else duration_ns / NS_PER_MS


def _plain(value: Any) -> Any:
    return safe(str(value)) if isinstance(value, str) else value


KNOWN_ELSEWHERE: dict[str, Read] = {
    "success": lambda record: record.ok,
    "total_request_time": lambda record: _seconds(_total_ns(record)),
    "time_to_first_token": lambda record: _seconds(ttft_ns(record)),
    "input_tokens": lambda record: record.input_tokens,
    "output_tokens": lambda record: record.output_tokens,
}
"""Columns of older load generators, times in seconds."""
CELLS = KNOWN_ELSEWHERE | {
    name: read
    for name, read in (cell(column) for column in COLUMNS if not column.many)
    if name not in KNOWN_ELSEWHERE
}
"""Name and cell of every column, in order."""
