"""Facts about requests as Parquet, read back with the package that notebooks read it with."""

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from inferswarm import __version__
from inferswarm.errors import InputError
from inferswarm.exchange import Outcome
from inferswarm.exports import requests_parquet
from inferswarm.exports.columns import COLUMNS
from inferswarm.exports.requests_parquet import FORMAT, GROUP_ROWS, GROUP_VALUES, groups, write
from inferswarm.exports.source import Source
from inferswarm.records import Record
from inferswarm.storage import RunFolder
from tests.builders import FUZZ, MS, failure, record
from tests.many_records import runs

from .folders import RUN, damage, run_of

parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow (the extra parquet)")


def written(folder: RunFolder) -> Any:
    """A run's Parquet as pyarrow reads it."""
    path = folder.path / "out.parquet"
    write(Source(folder), path)
    return parquet.read_table(path)


def test_columns_have_their_types(tmp_path: Path) -> None:
    """Times are int64 nanoseconds, arrivals of tokens a list of them."""
    types = {field.name: str(field.type) for field in written(run_of(tmp_path, [record()])).schema}
    assert list(types) == [column.name for column in COLUMNS]
    assert types["chunk_ns"].startswith("list<")
    assert "int64" in types["chunk_ns"]
    assert types["server_ns"].startswith("map<string, int64")
    named = {"due_ns": "int64", "outcome": "string", "streamed": "bool", "ttft_ns": "int64"}
    assert named | {"tokens_per_chunk": "double", "input_tokens": "int64"} == {
        name: types[name] for name in (*named, "tokens_per_chunk", "input_tokens")
    }


def _row(one: Record) -> dict[str, Any]:
    """What a row must hold; a mapping is read as its pairs."""
    row = {column.name: column.read(one) for column in COLUMNS}
    return row | {"server_ns": list(one.server_ns.items())}


@FUZZ
@given(runs(max_size=6))
def test_any_run_can_be_read_back(
    tmp_path_factory: pytest.TempPathFactory, made: list[Record]
) -> None:
    """Every value of every record, in order."""
    rows = written(run_of(tmp_path_factory.mktemp("run"), made)).to_pylist()
    assert rows == [_row(one) for one in made]


def test_texts_and_mappings_survive(tmp_path: Path) -> None:
    """Whatever a server said is a text, and what it told of its times a mapping."""
    one = failure(detail="=1\x00\u2028\U0001f600", server_ns={"queue": 1, "total": 2})
    assert written(run_of(tmp_path, [one])).to_pylist() == [_row(one)]


def test_a_run_of_failures_only(tmp_path: Path) -> None:
    """Columns without a single value have their type all the same."""
    made = [failure(Outcome.CONNECT, k=k, sent_ns=0) for k in range(3)]
    table = written(run_of(tmp_path, made))
    assert str(table.schema.field("ttft_ns").type) == "int64"
    assert table["ttft_ns"].null_count == 3
    assert table["outcome"].to_pylist() == ["connect"] * 3


def test_an_empty_run_has_its_columns(tmp_path: Path) -> None:
    """No rows, all columns."""
    table = written(run_of(tmp_path, []))
    assert (table.num_rows, table.num_columns) == (0, len(COLUMNS))


def test_the_file_says_what_it_is_of(tmp_path: Path) -> None:
    """Run, configuration and versions, and what of the run could not be read."""
    folder = damage(run_of(tmp_path, [record()], load={"users": 2}))
    written(folder)
    kept = parquet.read_metadata(tmp_path / "out.parquet").metadata
    told = {key.decode(): value.decode(errors="replace") for key, value in kept.items()}
    assert (told["inferswarm.format"], told["inferswarm.version"]) == (FORMAT, __version__)
    assert json.loads(told["inferswarm.run"])["id"] == RUN["id"]
    assert json.loads(told["inferswarm.config"]) == {"load": {"users": 2}}
    assert told["inferswarm.damaged_lines"] == "1"
    assert "w1-00001" in json.loads(told["inferswarm.unreadable_parts"])[0]


def test_groups_are_bounded_by_rows_and_by_tokens() -> None:
    """Short answers make groups of many rows, long ones of few; nothing is left out."""
    short = list(groups(record(k=k) for k in range(2 * GROUP_ROWS + 1)))
    assert [len(group) for group in short] == [GROUP_ROWS, GROUP_ROWS, 1]
    ks = [one.k for group in short for one in group]
    assert all(b == a + 1 for a, b in pairwise(ks))
    long = record(chunk_ns=list(range(0, 50_000 * MS, MS)))
    sizes = [len(group) for group in groups([long] * 11)]
    assert sizes == [GROUP_VALUES // 50_000, GROUP_VALUES // 50_000, 1]
    assert list(groups([])) == []


def test_groups_are_row_groups_of_the_file(tmp_path: Path) -> None:
    """A reader needs no more memory than the writer did."""
    folder = run_of(tmp_path, [record(k=k) for k in range(GROUP_ROWS + 1)])
    path = tmp_path / "out.parquet"
    write(Source(folder), path)
    assert parquet.ParquetFile(path).metadata.num_row_groups == 2
    assert parquet.read_table(path)["k"].to_pylist() == list(range(GROUP_ROWS + 1))


def test_without_the_package_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'inferswarm\[parquet\]'"):
        requests_parquet.ready()
