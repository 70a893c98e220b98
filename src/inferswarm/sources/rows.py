"""The rows of a file, format by format: each reader streams, and tells the tally what it leaves out."""

import csv
import io
import re
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from inferswarm.errors import InputError
from inferswarm.extras import need
from inferswarm.sources.scanner import Scanner
from inferswarm.sources.tally import Tally

Row = str | dict[str, Any]
Placed = tuple[str, Row]
"""A row and where it stands, as in (`line 3`, ...): a line of text, or named values."""
MOST_LINE_BYTES = 64 << 20
_BOM = b"\xef\xbb\xbf"
_PARQUET_BATCH_ROWS = 256
_ESCAPED = re.compile("[\udc80-\udcff]")


def lines(file: BinaryIO, tally: Tally) -> Iterator[Placed]:
    """Lines of UTF-8 without outer spaces; blank ones are skipped. Only line feeds end a line."""
    for place, line in _lines(file, tally):
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            tally.leave_out(place, _not_utf8(line[error.start]))
            continue
        if text:
            yield place, text


def json_lines(file: BinaryIO, tally: Tally) -> Iterator[Placed]:
    """JSON objects, one a line."""
    for place, line in _lines(file, tally):
        if not line.isspace():
            yield from _decoded(place, line, tally)


def json_objects(file: BinaryIO, tally: Tally) -> Iterator[Placed]:
    """The objects of one JSON array, or one after another."""
    scanner, number = Scanner(file, tally.name), 0
    for number, data in enumerate(scanner.objects(), 1):
        yield from _decoded(f"row {number}", data, tally)
    if not scanner.ended:
        tally.leave_out(f"row {number + 1}", "the file ends within it")


def comma_separated(file: BinaryIO, tally: Tally) -> Iterator[Placed]:
    """Rows of a table whose first line names its columns, separated by commas."""
    return _separated(file, tally, ",")


def tab_separated(file: BinaryIO, tally: Tally) -> Iterator[Placed]:
    """The same, separated by tabs."""
    return _separated(file, tally, "\t")


def parquet(file: BinaryIO, tally: Tally) -> Iterator[Placed]:
    """Rows of a Parquet file, a few at a time."""
    pyarrow_parquet = need("pyarrow.parquet", "parquet", f"{tally.name}: reading Parquet")
    pyarrow = need("pyarrow", "parquet", f"{tally.name}: reading Parquet")
    try:
        opened = pyarrow_parquet.ParquetFile(file, pre_buffer=False)
        batches = opened.iter_batches(batch_size=_PARQUET_BATCH_ROWS, use_threads=False)
        rows = (row for batch in batches for row in batch.to_pylist())
        for number, row in enumerate(rows, 1):
            yield f"row {number}", row
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{tally.name}: cannot be read as Parquet: {error}") from None


def _lines(file: BinaryIO, tally: Tally) -> Iterator[tuple[str, bytes]]:
    number = 0
    while line := file.readline(MOST_LINE_BYTES):
        number += 1
        if len(line) >= MOST_LINE_BYTES:
            raise InputError(
                f"{tally.name}: line {number} is longer than {MOST_LINE_BYTES >> 20} MiB; "
                "it is no file with a prompt a line"
            )
        yield f"line {number}", line.removeprefix(_BOM) if number == 1 else line


def _decoded(place: str, data: bytes, tally: Tally) -> Iterator[Placed]:
    try:
        row = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        tally.leave_out(place, f"no JSON ({error})")
        return
    if isinstance(row, dict):
        yield place, row
    else:
        tally.leave_out(place, f"a JSON {type(row).__name__}, not an object")


def _separated(file: BinaryIO, tally: Tally, delimiter: str) -> Iterator[Placed]:
    csv.field_size_limit(min(sys.maxsize, MOST_LINE_BYTES))
    text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.DictReader(text, delimiter=delimiter)
    try:
        for number, row in enumerate(reader, 1):
            place = f"row {number}"
            if bad := next(filter(None, map(_escaped, row.values())), ""):
                tally.leave_out(place, _not_utf8(ord(bad) - 0xDC00))
            else:
                yield place, row
    except csv.Error as error:
        raise InputError(f"{tally.name}: cannot be read as a table: {error}") from None
    finally:
        text.detach()  # the file is not its own to close


def _escaped(value: object) -> str:
    """The first byte of a text that was not UTF-8, as Python hides it."""
    found = _ESCAPED.search(value) if isinstance(value, str) else None
    return found[0] if found else ""


def _not_utf8(byte: int) -> str:
    return f"not UTF-8 (byte 0x{byte:02x}); convert the file, for example with iconv -t utf-8"
