"""Facts about the rows of files, format by format."""

import io
import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from inferswarm.errors import InputError
from inferswarm.sources import rows as readers
from inferswarm.sources.tally import Tally
from tests.sources.files import rows


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\ntwo", ["one", "two"]),
        (b"\n  one  \n\n\t\ntwo\n\n", ["one", "two"]),
        (b"\xef\xbb\xbfone\n", ["one"]),
        ("schön \u2028 hier\nnoch\x0ceins\n".encode(), ["schön \u2028 hier", "noch\x0ceins"]),
    ],
)
def test_text_has_a_prompt_a_line(content: bytes, found: list[str]) -> None:
    """Blank lines, outer spaces and a byte order mark are no prompt; only line feeds end a line."""
    assert rows("x.txt", content) == found


def test_a_line_that_is_not_utf_8_is_left_out_by_its_number() -> None:
    """The others are kept; the byte and a remedy are told."""
    tally = Tally("x")
    assert rows("x.txt", b"one\n\nthr\xe9e\nfour\n", tally) == ["one", "four"]
    assert tally.bad == 1
    assert tally.first_bad[0].startswith("line 3: not UTF-8 (byte 0xe9); convert the file")


def test_a_line_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would fill the memory; the line is named."""
    monkeypatch.setattr(readers, "MOST_LINE_BYTES", 1_000)
    with pytest.raises(InputError, match="x: line 2 is longer than"):
        list(readers.lines(io.BytesIO(b"short\n" + b"x" * 2_000), Tally("x")))


def test_json_lines_are_objects() -> None:
    """What is none is left out with its place; blank lines are no row."""
    tally = Tally("x")
    content = b'{"a": 1}\n\n{"a": \n[1]\n{"a": "\xff"}\n{"a": 2}\n'
    assert rows("x.jsonl", content, tally) == [{"a": 1}, {"a": 2}]
    assert [one.split(":")[0] for one in tally.first_bad] == ["line 3", "line 4", "line 5"]
    assert "a JSON list, not an object" in tally.first_bad[1]


def test_an_array_of_objects_is_read_one_by_one() -> None:
    """Also over several lines; one that is damaged, or cut by the end, is left out by its number."""
    tally = Tally("x")
    good = [{"a": "}{"}, {"b": [{"c": '"'}]}]
    content = json.dumps(good, indent=1)[:-2].encode() + b', {"a": nope}, {"cut": [1, 2'
    assert rows("x.json", content, tally) == good
    assert [one.split(":")[0] for one in tally.first_bad] == ["row 3", "row 4"]
    assert "the file ends within it" in tally.first_bad[1]


@pytest.mark.parametrize(("name", "mark"), [("x.csv", ","), ("x.tsv", "\t")])
def test_tables_name_their_columns(name: str, mark: str) -> None:
    """Quoted values may hold line ends and marks; a byte order mark is not part of a name."""
    content = f'id{mark}say\n1{mark}"two\nlines{mark} ""both"""\n2{mark}schön\n'.encode("utf-8-sig")
    assert rows(name, content) == [
        {"id": "1", "say": f'two\nlines{mark} "both"'},
        {"id": "2", "say": "schön"},
    ]


def test_a_row_of_a_table_that_is_not_utf_8_is_left_out() -> None:
    """Its number and the byte are told."""
    tally = Tally("x")
    assert rows("x.csv", b"say\ngut\nsch\xf6n\n", tally) == [{"say": "gut"}]
    assert tally.first_bad[0].startswith("row 2: not UTF-8 (byte 0xf6)")


def test_parquet_gives_rows() -> None:
    """Over several groups of rows, in order."""
    table = pa.table({"say": [f"say {n}" for n in range(1_000)], "n": range(1_000)})
    file = io.BytesIO()
    parquet.write_table(table, file, row_group_size=100)
    found = rows("x.parquet", file.getvalue())
    assert found == [{"say": f"say {n}", "n": n} for n in range(1_000)]


def test_what_is_no_parquet_is_refused() -> None:
    """In one line that names it."""
    with pytest.raises(InputError, match=r"x\.parquet: cannot be read as Parquet"):
        rows("x.parquet", b"PAR1 and then nothing of the kind")
