"""One request as a row: the columns of every table of requests, made from `Record` and the metrics.

A new field of a record is a column at once, and so is a new metric that has one value for each
request. Times are integer nanoseconds here, as in the records.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from msgspec import inspect

from inferswarm.metrics import METRICS, Metric
from inferswarm.records import Record
from inferswarm.scales import NS_PER_MS


@dataclass(frozen=True, slots=True)
class Column:
    """`read` gives a record's value of this `type`, or None where it has none."""

    name: str
    type: inspect.Type
    read: Callable[[Record], Any]

    @property
    def many(self) -> bool:
        """Whether a value is a list or a mapping."""
        return isinstance(self.type, inspect.ListType | inspect.DictType)


def _of_field(field: inspect.Field) -> Column:
    kind = field.type
    if isinstance(kind, inspect.UnionType):
        (kind,) = (one for one in kind.types if not isinstance(one, inspect.NoneType))
    return Column(field.name, kind, attrgetter(field.name))


def _fields() -> tuple[Column, ...]:
    described = inspect.type_info(Record)
    assert isinstance(described, inspect.StructType)
    return tuple(map(_of_field, described.fields))


def _of_metric(metric: Metric) -> Column:
    def read(record: Record) -> int | float | None:
        values, _ = metric.read([record])
        value = values[0] if values else None
        return value if value is None or timed else value / metric.scale

    timed = metric.scale == NS_PER_MS
    kind = inspect.IntType() if timed else inspect.FloatType()
    return Column(f"{metric.name}_ns" if timed else metric.name, kind, read)


FIELDS = _fields()
"""What a record holds, under the same names."""
_HELD = {column.name for column in FIELDS}
DERIVED = tuple(
    column
    for column in map(_of_metric, (metric for metric in METRICS if metric.independent))
    if column.name not in _HELD
)
"""The metrics of one request that are no field of its record, of failed ones too where known."""
COLUMNS = (*FIELDS, *DERIVED)
