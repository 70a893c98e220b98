"""Requests as Parquet: a row for each, with every token's arrival, for notebooks and databases.

Every column of `exports.columns` under its own name, times as int64 nanoseconds. Rows are written in
groups of a bounded size, so that a long run needs no more memory than a short one.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from msgspec import inspect

from inferswarm import __version__
from inferswarm.exports.columns import COLUMNS
from inferswarm.exports.source import Source, replacing
from inferswarm.extras import need
from inferswarm.records import Record

FORMAT = "inferswarm-requests/1"
GROUP_ROWS = 5_000
GROUP_VALUES = 250_000
"""Arrivals of tokens at which a group of rows ends before it is full."""


def write(source: Source, path: Path) -> None:
    """Write the file, group by group; raises StorageError naming it, InputError without pyarrow."""
    arrow, parquet = _packages()
    columns = schema(arrow)
    # A dictionary of numbers that hardly repeat would cost memory, and make the file larger.
    texts = [field.name for field in columns if arrow.types.is_string(field.type)]
    with (
        replacing(path) as scratch,
        parquet.ParquetWriter(scratch, columns, compression="zstd", use_dictionary=texts) as file,
    ):
        for group in groups(source.records()):
            values = {column.name: list(map(column.read, group)) for column in COLUMNS}
            file.write_table(arrow.table(values, schema=columns), row_group_size=GROUP_ROWS)
        file.add_key_value_metadata(_metadata(source))


def ready() -> None:
    """Raise InputError when what this needs is not installed."""
    _packages()


def groups(records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records in lists of a bounded size."""
    group: list[Record] = []
    values = 0
    for record in records:
        group.append(record)
        values += len(record.chunk_ns)
        if len(group) >= GROUP_ROWS or values >= GROUP_VALUES:
            yield group
            group, values = [], 0
    if group:
        yield group


def schema(arrow: ModuleType) -> Any:
    """Name and Arrow type of every column."""
    return arrow.schema([(column.name, _arrow_type(arrow, column.type)) for column in COLUMNS])


def _arrow_type(arrow: ModuleType, kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.ListType):
        return arrow.list_(_arrow_type(arrow, kind.item_type))
    if isinstance(kind, inspect.DictType):
        key, value = kind.key_type, kind.value_type
        return arrow.map_(_arrow_type(arrow, key), _arrow_type(arrow, value))
    simple = {
        inspect.BoolType: arrow.bool_,
        inspect.IntType: arrow.int64,
        inspect.FloatType: arrow.float64,
    }
    return simple.get(type(kind), arrow.string)()


def _metadata(source: Source) -> dict[str, str]:
    """What the file says of the run: written last, when the records have been read."""
    reading = source.reading
    return {
        "inferswarm.format": FORMAT,
        "inferswarm.version": __version__,
        "inferswarm.run": msgspec.json.encode(source.run).decode(),
        "inferswarm.config": msgspec.json.encode(source.config).decode(),
        "inferswarm.damaged_lines": str(reading.damaged_lines),
        "inferswarm.unreadable_parts": msgspec.json.encode(reading.unreadable_parts).decode(),
    }


def _packages() -> tuple[ModuleType, ModuleType]:
    what = "writing Parquet"
    return need("pyarrow", "parquet", what), need("pyarrow.parquet", "parquet", what)
