"""Facts about the columns of a table of requests."""

from msgspec import inspect

from inferswarm.exports.columns import COLUMNS, DERIVED, FIELDS
from inferswarm.metrics import METRICS
from inferswarm.records import INSTANTS, Record
from tests.builders import MS, failure, record

BY_NAME = {column.name: column for column in COLUMNS}


def test_every_field_of_a_record_is_a_column() -> None:
    """In the record's order, under its name, with its value."""
    assert tuple(column.name for column in FIELDS) == Record.__struct_fields__
    one = record(connect_ns=5, server_ns={"queue": 3})
    assert all(column.read(one) == getattr(one, column.name) for column in FIELDS)


def test_optional_fields_have_the_type_of_what_they_hold() -> None:
    """That a value may be missing is no type of its own."""
    assert isinstance(BY_NAME["connect_ns"].type, inspect.IntType)
    assert isinstance(BY_NAME["input_tokens"].type, inspect.IntType)
    assert [column.name for column in COLUMNS if column.many] == [
        "chunk_ns",
        "chunk_tokens",
        "server_ns",
    ]


def test_every_metric_of_one_request_is_a_column() -> None:
    """Times in ns, everything else in its unit; gaps of tokens are many and no column."""
    names = set(BY_NAME)
    for metric in METRICS:
        held = {metric.name, f"{metric.name}_ns"} & names
        assert bool(held) == metric.independent, metric.name
    assert len(BY_NAME) == len(COLUMNS)


def test_metrics_have_the_values_of_the_report() -> None:
    """Known durations of one request come out to the nanosecond; unknown ones are None."""
    one = record(chunk_ns=[200 * MS, 300 * MS, 400 * MS], server_ns={"queue": 7}, output_tokens=6)
    read = {column.name: column.read(one) for column in DERIVED}
    assert read["ttft_ns"] == 200 * MS
    assert read["ttft_due_ns"] == 201 * MS
    assert read["e2e_ns"] == 400 * MS
    assert read["tpot_ns"] == 40 * MS
    assert read["server_queue_ns"] == 7
    assert read["server_decode_ns"] is None
    assert read["tokens_per_chunk"] == 2.0
    assert BY_NAME["ttft_ns"].read(failure()) is None


def test_instants_are_fields_and_the_other_times_are_short() -> None:
    """What is called an instant is one; a duration is never larger than days."""
    assert set(INSTANTS) <= set(Record.__struct_fields__)
    one = record(connect_ns=5, tls_ns=6, headers_ns=7, first_byte_ns=8)
    times = [c for c in COLUMNS if c.name.endswith("_ns") and not c.many]
    durations = [c.read(one) for c in times if c.name not in INSTANTS]
    assert all(value is None or value < 10**15 for value in durations)
    assert all(BY_NAME[name].read(one) > 10**18 for name in INSTANTS)
