"""Facts about requests as CSV."""

import csv
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.exchange import Outcome
from inferswarm.exports.columns import COLUMNS
from inferswarm.exports.requests_csv import CELLS, instant, safe, write
from inferswarm.exports.source import Source
from inferswarm.records import INSTANTS, Record
from inferswarm.storage import RunFolder
from tests.builders import FUZZ, MS, START_NS, S, failure, record
from tests.many_records import runs

from .folders import damage, run_of

OLD = ["success", "total_request_time", "time_to_first_token", "input_tokens", "output_tokens"]


def written(folder: RunFolder) -> list[dict[str, str]]:
    """The lines of a run's CSV by column."""
    path = folder.path / "out.csv"
    write(Source(folder), path)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def unsafe(text: str) -> str:
    """What `safe` was given."""
    return text.removeprefix("'")


def test_the_old_columns_come_first(tmp_path: Path) -> None:
    """Scripts of older load generators find theirs, times in seconds, success as Python says it."""
    one = record(sent_ns=START_NS + MS, end_ns=START_NS + 402 * MS, chunk_ns=[200 * MS, 400 * MS])
    (line,) = written(run_of(tmp_path, [one]))
    assert list(line)[:5] == OLD
    assert [line[name] for name in OLD] == ["True", "0.401", "0.2", "7", "3"]


def test_a_failure_has_what_is_known_of_it(tmp_path: Path) -> None:
    """How long it took, but no first token; nothing at all of a request that was never sent."""
    never = failure(Outcome.CONNECT, k=1, sent_ns=0, detail="connection refused")
    cut, refused = written(run_of(tmp_path, [failure(), never]))
    assert [cut[name] for name in OLD] == ["False", "0.4", "", "", "0"]
    assert [refused[name] for name in OLD] == ["False", "", "", "", "0"]
    assert (refused["sent"], refused["ttft_ms"]) == ("", "")
    assert (refused["outcome"], refused["detail"]) == ("connect", "connection refused")


def test_a_stream_cut_after_its_first_token_has_one(tmp_path: Path) -> None:
    """What was measured of a failure is there; whoever wants successes asks for them."""
    (line,) = written(run_of(tmp_path, [record(outcome=Outcome.TRUNCATED)]))
    assert (line["success"], line["time_to_first_token"], line["ttft_ms"]) == (
        "False",
        "0.2",
        "200.0",
    )


def test_every_column_of_one_value_is_there() -> None:
    """Times in ms, instants by their bare name; lists stay with the records."""
    names = {column.name for column in COLUMNS if not column.many}
    durations = {one for one in names if one.endswith("_ns")} - set(INSTANTS)
    plain = names - durations - set(INSTANTS)
    expected = plain | {f"{one.removesuffix('_ns')}_ms" for one in durations}
    assert set(CELLS) == expected | {one.removesuffix("_ns") for one in INSTANTS} | set(OLD)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1"])
def test_formulas_are_texts(tmp_path: Path, text: str) -> None:
    """What a spreadsheet would calculate begins with an apostrophe, and loses nothing."""
    (line,) = written(run_of(tmp_path, [failure(detail=text, body_head=text, address=text)]))
    assert {line["detail"], line["body_head"], line["address"]} == {f"'{text}"}


def test_instants_are_utc_to_the_nanosecond() -> None:
    """An ISO text that others read."""
    text = instant(START_NS + 7)
    assert text.endswith(".000000007Z")
    assert datetime.fromisoformat(text.replace("000007Z", "Z")).timestamp() * S == START_NS
    assert instant(0) == ""


@FUZZ
@given(st.text())
def test_safe_texts_can_be_read_back(text: str) -> None:
    """One apostrophe at the front is ours, and none begins as a formula does."""
    assert unsafe(safe(text)) == text
    assert not safe(text).startswith(("=", "+", "-", "@"))


def _agrees(line: dict[str, str], one: Record) -> None:
    """One line says what its record says."""
    assert unsafe(line["detail"]) == one.detail
    assert unsafe(line["body_head"]) == one.body_head
    assert (int(line["k"]), line["outcome"]) == (one.k, one.outcome)
    assert line["success"] == str(one.ok)
    assert line["input_tokens"] == ("" if one.input_tokens is None else str(one.input_tokens))
    assert line["connect_ms"] == ("" if one.connect_ns is None else str(one.connect_ns / MS))
    if one.sent_ns:
        assert round(float(line["total_request_time"]) * S) == one.end_ns - one.sent_ns
        assert line["sent"] == instant(one.sent_ns)
    if one.streamed and one.chunk_ns:
        assert round(float(line["ttft_ms"]) * MS) == one.chunk_ns[0]


@FUZZ
@given(runs(max_size=6), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_run_can_be_read_back(
    tmp_path_factory: pytest.TempPathFactory, made: list[Record], text: str
) -> None:
    """Whatever a server said, a line is a request and has its values."""
    made = [*made, failure(k=10**12, detail=text, body_head=text[::-1])]
    lines = written(run_of(tmp_path_factory.mktemp("run"), made))
    assert len(lines) == len(made)
    for line, one in zip(lines, made, strict=True):
        _agrees(line, one)


def test_an_empty_run_has_its_columns(tmp_path: Path) -> None:
    """A head and no lines."""
    folder = run_of(tmp_path, [])
    assert written(folder) == []
    assert (folder.path / "out.csv").read_bytes() == ",".join(CELLS).encode() + b"\r\n"


def test_a_damaged_run_gives_what_can_be_read(tmp_path: Path) -> None:
    """The rest of its requests are there."""
    assert [line["k"] for line in written(damage(run_of(tmp_path, [record(k=4)])))] == ["4"]
