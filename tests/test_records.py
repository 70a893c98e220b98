"""Facts about records and their JSON lines."""

import json

import pytest

from inferswarm.exchange import Outcome
from inferswarm.records import (
    FORMAT,
    PartHeader,
    Record,
    decode_header,
    decode_lines,
    encode_line,
)
from tests.builders import failure, record

HEADER = PartHeader(run="r", worker=1, part=2, recorder="reader thread", clock="kernel")


def test_a_record_survives_its_line() -> None:
    """Reading a written line gives an equal record, on one line of JSON."""
    whole = record(detail='two\nlines "quoted" \u2028', reasoning_chunks=1, chunk_tokens=[1, 1, 1])
    line = encode_line(whole)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert list(decode_lines(iter([line]))) == [whole]


def test_fields_at_their_default_are_left_out_of_a_line() -> None:
    """A line holds what is special about its request."""
    shortest = Record(k=0, due_ns=1, sent_ns=0, end_ns=2, outcome=Outcome.CONNECT)
    assert set(json.loads(encode_line(shortest))) == {"k", "due_ns", "sent_ns", "end_ns", "outcome"}


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"k": "x"}', b"\xff", b'{"k": 1}'])
def test_an_unreadable_line_is_none(line: bytes) -> None:
    """What cannot be read costs itself, and the lines around it are read."""
    good = record()
    assert list(decode_lines(iter([encode_line(good), line, encode_line(good)]))) == [
        good,
        None,
        good,
    ]


def test_a_header_survives_its_line() -> None:
    """Reading a written header gives an equal one, with the format's name in it."""
    assert decode_header(encode_line(HEADER)) == HEADER
    assert json.loads(encode_line(HEADER))["format"] == FORMAT


@pytest.mark.parametrize("line", [b"", b"{}", b"null", encode_line(record())])
def test_what_is_no_header_is_refused(line: bytes) -> None:
    """A file of something else is not taken for records."""
    with pytest.raises(ValueError, match=r"."):
        decode_header(line)


def test_a_header_of_another_format_is_refused_by_name() -> None:
    """The refusal names both formats."""
    line = encode_line(HEADER).replace(FORMAT.encode(), b"inferswarm-records/9")
    with pytest.raises(ValueError, match=rf"'inferswarm-records/9'.*'{FORMAT}'"):
        decode_header(line)


def test_kind_tells_the_status_of_http_errors() -> None:
    """`http_429` is counted apart from `http_500`, other outcomes by their name."""
    assert failure(Outcome.HTTP_STATUS, status=429).kind == "http_429"
    assert failure(Outcome.TIMEOUT_IDLE, status=200).kind == "timeout_idle"
    assert record().kind == "ok"


def test_only_the_outcome_ok_is_ok() -> None:
    """A complete answer with a token is the one success."""
    assert [outcome for outcome in Outcome if failure(outcome).ok] == [Outcome.OK]


def test_start_is_due_when_nothing_was_sent() -> None:
    """A refused connection occupied the client from the moment it was due."""
    assert failure(Outcome.CONNECT, due_ns=5, sent_ns=0).start_ns == 5
    assert record(due_ns=5, sent_ns=9).start_ns == 9


def test_a_record_of_before_there_were_traces_is_read() -> None:
    """It has none; and one that has says which, also after its line."""
    line = encode_line(record())
    assert b"trace" not in line
    (old, new) = decode_lines(iter([line, encode_line(record(trace="ab"))]))
    assert old is not None
    assert new is not None
    assert (old.trace, new.trace) == ("", "ab")
