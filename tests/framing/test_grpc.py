"""gRPC: messages however they were cut into frames, and the status of a call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.framing.grpc import failure, is_over, message, read_messages, status_name
from inferswarm.framing.http1 import Response
from tests.builders import FUZZ, cut_at, splits

BODY = message(b"one") + message(b"") + message(b"three")


def pieces(reads: list[bytes]) -> list[tuple[int, bytes]]:
    """Pieces that came at 1, 2, 3, ..."""
    return list(enumerate(reads, start=1))


def test_messages_are_the_same_however_they_were_cut() -> None:
    """Two pieces cut at every byte, and a byte at a time; each has the time of its last byte."""
    for reads in splits(BODY):
        found = read_messages(pieces(reads))
        assert found.data == [b"one", b"", b"three"]
        assert (found.rest, found.error) == (0, "")
        assert found.times[-1] == len(reads)
        assert found.times == sorted(found.times)


def test_a_message_of_its_own_piece_has_that_time() -> None:
    """As servers send them."""
    found = read_messages(pieces([message(b"a"), message(b"b")]))

    assert (found.times, found.data) == ([1, 2], [b"a", b"b"])


def test_half_a_message_is_left() -> None:
    """The rest is counted, not read."""
    found = read_messages(pieces([message(b"a"), message(b"long")[:7]]))

    assert (found.data, found.rest, found.error) == ([b"a"], 7, "")


def test_a_compressed_message_is_an_error() -> None:
    """It was not asked for; what came before it is read."""
    found = read_messages(pieces([message(b"a"), b"\1\0\0\0\1x"]))

    assert found.data == [b"a"]
    assert "compressed" in found.error


@FUZZ
@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=4))
def test_any_bytes_are_read_without_raising(data: bytes, cuts: list[int]) -> None:
    """Noise is an error or a rest."""
    found = read_messages(pieces(cut_at(data, cuts)))

    assert len(found.times) == len(found.data)


@pytest.mark.parametrize(
    ("code", "name"), [("0", "OK"), ("8", "RESOURCE_EXHAUSTED"), ("16", "UNAUTHENTICATED")]
)
def test_statuses_have_names(code: str, name: str) -> None:
    """As gRPC numbers them."""
    assert status_name(code) == name


@pytest.mark.parametrize("code", ["17", "", "-1", "x", "²", "9" * 50])
def test_unknown_statuses_are_told_as_they_are(code: str) -> None:
    """Shortened, never raising."""
    assert status_name(code) == f"status {code[:20]}"


def test_a_failure_is_told_with_its_message() -> None:
    """Percent signs are decoded, and what is no text does not matter."""
    told = {"grpc-status": "8", "grpc-message": "full: 100%25 of %C3%BC %FF"}

    assert failure(Response(trailers=told)) == "RESOURCE_EXHAUSTED: full: 100% of ü �"
    assert failure(Response(headers=told)).startswith("RESOURCE_EXHAUSTED")
    assert failure(Response(trailers={"grpc-status": "13"})) == "INTERNAL"
    assert not failure(Response(trailers={"grpc-status": "0"}))


def test_only_a_status_ends_a_call() -> None:
    """An answer whose stream ended without one is not over."""
    assert is_over(Response(complete=True, trailers={"grpc-status": "0"}))
    assert is_over(Response(complete=True, headers={"grpc-status": "0"}))
    assert not is_over(Response(complete=True))
    assert not is_over(Response(complete=False, trailers={"grpc-status": "0"}))
