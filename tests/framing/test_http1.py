"""Facts about reading HTTP answers: where they end, what they hold, and when it came."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.framing.http1 import EndFinder, Response, read_response
from tests.builders import CAPTURES, FUZZ, chunked, cut_at, plain_answer, splits, tape

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WITH_END = {
    "content-length": (plain_answer(b"hello"), b"hello"),
    "content-length 0": (plain_answer(b""), b""),
    "a body that looks like an end": (plain_answer(b"0\r\n\r\n\r\n\r\n"), b"0\r\n\r\n\r\n\r\n"),
    "chunked": (CHUNKED + chunked(b"hel", b"lo"), b"hello"),
    "chunked and empty": (CHUNKED + chunked(), b""),
    "trailers": (CHUNKED + chunked(b"hi", tail=b"0\r\nX-Took: 3\r\nY: z\r\n\r\n"), b"hi"),
    "chunk extensions": (CHUNKED + b'2;a=1;b="c"\r\nhi\r\n0;last\r\n\r\n', b"hi"),
    "upper-case sizes": (CHUNKED + b"A\r\n0123456789\r\n00\r\n\r\n", b"0123456789"),
    "a chunk that ends in blank lines": (
        CHUNKED + chunked(b"data: x\r\n\r\n", b"\r\n\r\n"), b"data: x\r\n\r\n\r\n\r\n",
    ),
    "a chunk that holds a last chunk": (
        CHUNKED + chunked(b"a0\r\n\r\n", b"0\r\n\r\n"), b"a0\r\n\r\n0\r\n\r\n",
    ),
    "names in any case": (
        b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\n\r\n" + chunked(b"hi"), b"hi",
    ),
    "interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
        + plain_answer(b"hello"), b"hello",
    ),
    "204": (b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n", b""),
    "HTTP/1.0 with a length": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi"),
    "an error status": (plain_answer(b"no", b"503 Service Unavailable"), b"no"),
}  # fmt: skip
UNTIL_CLOSE = {
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhel\r\n\r\nlo",
    "HTTP/1.1": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhel\r\n\r\nlo",
}
RECORDED = sorted(CAPTURES.glob("*.http"))


def finished(answer: bytes) -> EndFinder:
    """A finder that was given the whole answer in one read."""
    finder = EndFinder()
    assert finder.feed(answer)
    return finder


def read(pieces: list[bytes], *, closed: bool = True) -> Response:
    """The answer in these reads, read i at instant i."""
    return read_response(tape(enumerate(pieces)), closed=closed)


def assert_any_split(answer: bytes, body: bytes) -> None:
    """Check end and content for each split of an answer."""
    for pieces in splits(answer):
        finder = EndFinder()
        assert [finder.feed(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]
        response = read(pieces)
        assert response.complete
        assert response.error == ""
        assert response.body == body


@pytest.mark.parametrize("case", WITH_END)
def test_the_end_is_found_at_the_last_byte_of_any_split(case: str) -> None:
    """Cut in two anywhere or byte by byte, an answer is done with its last byte and reads equal."""
    assert_any_split(*WITH_END[case])


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_recorded_answers_end_at_their_last_byte_in_any_split(path: Path) -> None:
    """The same for answers that real servers gave."""
    answer = path.read_bytes()
    assert_any_split(answer, read([answer]).body)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_each_byte_has_the_time_of_its_read(path: Path) -> None:
    """Read byte by byte, every byte of a body bears the instant of the read that brought it."""
    answer = path.read_bytes()
    response = read([answer[at : at + 1] for at in range(len(answer))])
    assert all(answer[at : at + 1] == piece for at, piece in response.pieces)
    assert response.head_ns == answer.index(b"\r\n\r\n") + 3


def test_recorded_answers_are_there() -> None:
    """The two tests above run on the answers of three servers."""
    assert {path.name.split("-")[0] for path in RECORDED} == {"vllm", "llama", "triton"}
    assert len(RECORDED) == 40


@pytest.mark.parametrize("case", UNTIL_CLOSE)
def test_an_answer_without_a_length_ends_when_the_server_closes(case: str) -> None:
    """The end of file is its proper end, in any split; without it the answer is cut."""
    answer = UNTIL_CLOSE[case]
    for pieces in splits(answer):
        finder = EndFinder()
        assert [finder.feed(piece) for piece in pieces] == [False] * len(pieces)
        assert finder.until_close
        assert not finder.keep_alive
        assert read(pieces).complete
        assert read(pieces).body == b"hel\r\n\r\nlo"
        assert not read(pieces, closed=False).complete


@pytest.mark.parametrize("case", WITH_END)
def test_a_cut_answer_is_never_complete(case: str) -> None:
    """However the connection ends before the last byte, it is not taken for the end."""
    answer, _ = WITH_END[case]
    for cut in range(len(answer)):
        assert not read([answer[:cut]]).complete
        finder = EndFinder()
        assert not finder.feed(answer[:cut])
        assert not finder.until_close


def test_interim_answers_are_not_the_answer() -> None:
    """Status, headers and time of the head are those of the final answer."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
    response = read([hints, plain_answer(b"hello")])
    assert response.status == 200
    assert response.head_ns == 1
    assert "link" not in response.headers
    assert not read([hints]).complete


def test_headers_are_lower_case_and_repeated_ones_joined() -> None:
    """Looking up a header does not depend on how the server spells it."""
    answer = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n"
    assert read([answer]).headers == {"x-a": "1, 2", "content-length": "0"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("text/event-stream", True),
        ("text/event-stream; charset=utf-8", True),
        ("application/json", False),
    ],
)
def test_event_streams_are_known_by_their_type(kind: str, expected: bool) -> None:  # noqa: FBT001
    """Parameters after the media type do not matter."""
    assert Response(headers={"content-type": kind}).is_event_stream is expected


@pytest.mark.parametrize(
    ("answer", "keeps"),
    [
        (plain_answer(b"hi"), True),
        (CHUNKED + chunked(b"hi"), True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", True),
    ],
)
def test_keep_alive_is_as_the_server_says(answer: bytes, keeps: bool) -> None:  # noqa: FBT001
    """The connection is used again only when both version and header allow it."""
    assert finished(answer).keep_alive is keeps


@pytest.mark.parametrize("more", [plain_answer(b"again"), b"GARBAGE", b"\x00", b"H"])
@pytest.mark.parametrize("answer", [plain_answer(b"hi"), CHUNKED + chunked(b"hi")])
def test_bytes_after_the_end_do_not_touch_the_answer(answer: bytes, more: bytes) -> None:
    """The answer is complete in the read that holds its end, and its connection is not used again."""
    for pieces in ([answer + more], [answer[:-3], answer[-3:] + more]):
        response = read(pieces)
        assert response.complete
        assert response.error == ""
        assert (response.status, response.body) == (200, b"hi")
        finder = EndFinder()
        assert [finder.feed(piece) for piece in pieces][-1]
        assert not finder.keep_alive


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        CHUNKED + b"zz\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_what_is_not_http_is_an_error_and_ends_the_answer(garbage: bytes) -> None:
    """Waiting for more would never help, and nothing of it is a complete answer."""
    response = read([garbage])
    assert response.error
    assert not response.complete
    assert not finished(garbage).keep_alive


def test_nothing_is_no_answer() -> None:
    """A connection that was closed without a byte leaves an empty response without an error."""
    assert read([]) == Response()


@FUZZ
@given(
    st.sampled_from([*(answer for answer, _ in WITH_END.values()), *UNTIL_CLOSE.values(), b""]),
    st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=6)), max_size=4),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_any_bytes_in_any_split_never_raise(
    answer: bytes, spoiled: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    """Spoiled answers and pure noise end as an error, as cut or as whatever they still say."""
    for where, noise in spoiled:
        answer = answer[:where] + noise + answer[where + len(noise) // 2 :]
    pieces = cut_at(answer, cuts)
    finder = EndFinder()
    for piece in pieces:
        if finder.feed(piece):
            break
    at_once, split = read([answer] if answer else []), read(pieces)
    assert (split.status, split.complete) == (at_once.status, at_once.complete)
    assert bool(split.error) == bool(at_once.error)
    if not split.error:
        assert (split.headers, split.body) == (at_once.headers, at_once.body)
