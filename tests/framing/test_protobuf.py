"""Protocol Buffers: what is written is read, and nothing that is read raises but ValueError."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.framing.protobuf import (
    bytes_field,
    count_packed,
    fields,
    message_in,
    number_field,
    varint,
)
from tests.builders import FUZZ


def test_known_encodings() -> None:
    """The examples of the format's own description."""
    assert number_field(1, 150) == b"\x08\x96\x01"
    assert bytes_field(2, b"testing") == b"\x12\x07testing"
    assert count_packed(b"\x03\x8e\x02\x9e\xa7\x05") == 3


@FUZZ
@given(st.lists(st.tuples(st.integers(1, 2000), st.integers(0, 1 << 64 - 1) | st.binary())))
def test_what_is_written_is_read(given_fields: list[tuple[int, int | bytes]]) -> None:
    """Numbers and bytes, in order."""
    data = b"".join(
        number_field(number, value) if isinstance(value, int) else bytes_field(number, value)
        for number, value in given_fields
    )

    assert fields(data) == given_fields


@FUZZ
@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_a_value_error(data: bytes) -> None:
    """Nothing else is raised."""
    with contextlib.suppress(ValueError):
        fields(data)


def test_fixed_numbers_are_passed_over() -> None:
    """Fields of 4 and 8 bytes are given as bytes."""
    assert fields(b"\x0d\x01\x02\x03\x04" + number_field(2, 5)) == [
        (1, b"\x01\x02\x03\x04"),
        (2, 5),
    ]
    assert fields(b"\x09" + b"12345678") == [(1, b"12345678")]


@pytest.mark.parametrize(
    "data",
    [
        b"\x12\x07test",
        b"\x80",
        b"\x08",
        b"\x0b",
        b"\x80" * 11,
        b"\x02\x00",
        b"\x12" + varint(1 << 60),
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    """Half a field, a group, a number without an end, a field without a number."""
    with pytest.raises(ValueError, match="message"):
        fields(data)


def test_a_number_is_no_message() -> None:
    """Where a message should be."""
    with pytest.raises(ValueError, match="number"):
        message_in(5)
