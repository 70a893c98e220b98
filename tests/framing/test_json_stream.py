"""Facts about JSON documents one after the other, in every split and between any delimiters."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.framing.json_stream import read_documents
from tests.builders import FUZZ, cut_at, splits

CASES: dict[str, tuple[bytes, list[bytes]]] = {
    "nothing": (b"", []),
    "one": (b'{"a": 1}', [b'{"a": 1}']),
    "no delimiter": (b'{"a": 1}{"b": 2}', [b'{"a": 1}', b'{"b": 2}']),
    "line ends": (b'{"a": 1}\n{"b": 2}\n', [b'{"a": 1}', b'{"b": 2}']),
    "CRLF and empty lines": (b'\r\n{"a": 1}\r\n\r\n{"b": 2}', [b'{"a": 1}', b'{"b": 2}']),
    "NUL": (b'{"a": 1}\0{"b": 2}\0', [b'{"a": 1}', b'{"b": 2}']),
    "record separators": (b"\x1e[1]\n\x1e[2]\n", [b"[1]", b"[2]"]),
    "pretty printed": (b'{\n  "a": [\n    1\n  ]\n}{\n}', [b'{\n  "a": [\n    1\n  ]\n}', b"{\n}"]),
    "braces and quotes in strings": (b'{"}{\\"": "]"}{}', [b'{"}{\\"": "]"}', b"{}"]),
    "not only ASCII": ('{"é": "→"}{}'.encode(), ['{"é": "→"}'.encode(), b"{}"]),
    "a BOM": (b"\xef\xbb\xbf{}{}", [b"{}", b"{}"]),
    "other values": (b'null 12 "x"\n[]', [b"null", b"12", b'"x"', b"[]"]),
    "a cut document": (b'{}{"a": [1, "x', [b"{}", b'{"a": [1, "x']),
    "no JSON": (b"<html>{}", [b"<html>{}"]),
    "no JSON from a place on": (b"{}\n{} oops\n{}", [b"{}", b"{}", b"oops\n{}"]),
    "only gaps": (b" \n\0\r\n", []),
}


@pytest.mark.parametrize("case", CASES)
def test_documents_in_any_split(case: str) -> None:
    """However a body is cut, its documents are the same, and nothing of it is lost."""
    body, expected = CASES[case]
    assert read_documents([(1, body)]).data == expected
    for pieces in splits(body):
        assert read_documents(list(enumerate(pieces))).data == expected


def test_a_document_has_the_time_of_the_read_with_its_last_byte() -> None:
    """Delimiters come later than what they end, and several documents may share a read."""
    pieces = [
        (10, b'{"a"'),
        (20, b": 1}"),
        (30, b""),
        (40, b'\n{"b": 2}\n{"c": 3}\n{'),
        (50, b"}"),
        (60, b"\n{"),
    ]
    found = read_documents(pieces)
    assert found.times == [20, 40, 40, 50, 60]
    assert found.data[-1] == b"{"


def test_a_bom_does_not_shift_the_times() -> None:
    """Its bytes are counted where they came."""
    assert read_documents([(1, b"\xef\xbb"), (2, b"\xbf{}"), (3, b"{}")]).times == [2, 3]


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).map(lambda value: [value])


@FUZZ
@given(
    documents=st.lists(DOCUMENTS),
    between=st.sampled_from([b"", b"\n", b"\0", b" \r\n"]),
    ascii_only=st.booleans(),
    cuts=st.lists(st.integers(0, 500), max_size=8),
)
def test_what_was_written_is_what_is_read(
    *, documents: list[object], between: bytes, ascii_only: bool, cuts: list[int]
) -> None:
    """Any documents between any delimiters, cut anywhere."""
    written = [json.dumps(one, ensure_ascii=ascii_only).encode() for one in documents]
    body = between.join(written)
    assert read_documents(list(enumerate(cut_at(body, cuts)))).data == written


@FUZZ
@given(
    st.lists(st.binary(max_size=8) | st.sampled_from([b"{", b"}", b'"', b"[", b"\\", b"1", b"\0"]))
)
def test_any_bytes_never_raise(pieces: list[bytes]) -> None:
    """Noise is an item of its own, with a time."""
    found = read_documents(list(enumerate(pieces)))
    assert len(found.times) == len(found.data)


@pytest.mark.parametrize(
    "hostile",
    [b"[" * 200_000, b"[" * 200_000 + b"]" * 200_000, b'{"a":' * 200_000, b"9" * 200_000],
    ids=["open lists", "lists", "objects", "a long number"],
)
def test_what_no_reader_takes_is_one_last_item(hostile: bytes) -> None:
    """Nesting and numbers beyond all bounds do not raise, and cost no document before them."""
    assert read_documents([(1, b"{}"), (2, hostile)]).data == [b"{}", hostile]


@pytest.mark.parametrize(
    "part",
    [b"{}", b'{"a', b'{"a\n', b'\\"', b'"\\', b"x\n", b"[\n", b"]", b"{x}\n", b"\0", b"1 "],
    ids=repr,
)
def test_the_time_grows_no_faster_than_the_body(part: bytes) -> None:
    """A million bytes of anything, in small reads, take seconds at most."""
    pieces = [(at, part) for at in range(1_000_000 // len(part))]
    started = time.thread_time()
    read_documents(pieces)
    assert time.thread_time() - started < 5
