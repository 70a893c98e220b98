"""Facts about server-sent events: the standard's cases, in every split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.framing.sse import read_events
from tests.builders import FUZZ, cut_at, splits

CASES: dict[str, tuple[bytes, list[bytes]]] = {
    "one event": (b"data: a\n\n", [b"a"]),
    "two events": (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    "CR": (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    "mixed line ends": (b"data: a\r\n\rdata: b\n\r\n", [b"a", b"b"]),
    "a BOM": (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    "only the first BOM": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [b"b"]),
    "a BOM after a line is none": (b"\n\xef\xbb\xbfdata: a\n\ndata: b\n\n", [b"b"]),
    "a BOM inside": (b"data: \xef\xbb\xbfa\n\n", [b"\xef\xbb\xbfa"]),
    "a comment": (b": ping\n\n: data: x\ndata: a\n\n:\n\n", [b"a"]),
    "several data lines": (b"data: a\ndata: b\ndata\n\n", [b"a\nb\n"]),
    "no space after the colon": (b"data:a\n\ndata:b\n\n", [b"a", b"b"]),
    "only one space is taken off": (b"data:  a\n\n", [b" a"]),
    "a field without a colon": (b"data\n\n", [b""]),
    "other fields": (b"event: x\nid: 7\nretry: 9\nfoo: y\ndatas: z\ndata: a\n\n", [b"a"]),
    "an event without data": (b"event: x\n\n\n\ndata: a\n\n", [b"a"]),
    "colons in the value": (b'data: {"a":"b:c"}\n\n', [b'{"a":"b:c"}']),
    "no final blank line": (b"data: a\n\ndata: b\n", [b"a", b"b"]),
    "an unfinished last line": (b'data: a\n\ndata: {"k":', [b"a"]),
    "an end marker without its line end": (b"data: a\n\ndata: [DONE]", [b"a", b"[DONE]"]),
    "many blank lines": (b"\n\n\ndata: a\n\n\n\n", [b"a"]),
    "nothing": (b"", []),
}


def data_of(pieces: list[bytes]) -> list[bytes]:
    """The data of all events in these pieces."""
    return read_events(list(enumerate(pieces))).data


@pytest.mark.parametrize("case", CASES)
def test_events_in_one_piece(case: str) -> None:
    """Each case of the standard gives its events."""
    body, expected = CASES[case]
    assert data_of([body] if body else []) == expected


@pytest.mark.parametrize("case", CASES)
def test_events_in_any_split(case: str) -> None:
    """However a body is cut, its events are the same."""
    body, expected = CASES[case]
    for pieces in splits(body):
        assert data_of([piece for piece in pieces if piece]) == expected


@FUZZ
@given(
    st.lists(
        st.sampled_from(
            [b"data: x", b"data", b":", b"\xef\xbb\xbf", b"\n", b"\r", b"\r\n", b"a", b" "]
        )
    ),
    st.lists(st.integers(0, 200), max_size=8),
)
def test_any_body_in_any_split_gives_the_same_events(parts: list[bytes], cuts: list[int]) -> None:
    """Also for bodies that nobody should send."""
    body = b"".join(parts)
    assert data_of(cut_at(body, cuts)) == data_of([body] if body else [])


@FUZZ
@given(st.lists(st.binary(min_size=1)))
def test_any_bytes_never_raise(pieces: list[bytes]) -> None:
    """Noise is read as whatever fields it happens to hold."""
    found = read_events(list(enumerate(pieces)))
    assert len(found.times) == len(found.data)


def test_an_event_has_the_time_of_the_read_that_completed_it() -> None:
    """The blank line is what completes an event; two in one read share its time."""
    pieces = [(10, b"data: a"), (20, b"\n"), (30, b"\ndata: b\n\ndata: c\n\nda"), (40, b"ta: d\n")]
    found = read_events(pieces)
    assert found.times == [30, 30, 30, 40]
    assert found.data == [b"a", b"b", b"c", b"d"]


def test_an_event_keeps_the_name_that_it_was_given() -> None:
    """Only events with a name have one."""
    pieces = [(1, b"data: a\n\n"), (2, b"event: error\ndata: b\n\n"), (3, b"data: c\n\n")]
    assert read_events(pieces).names == {1: b"error"}
