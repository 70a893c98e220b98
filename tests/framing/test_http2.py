"""Frames to answers: whoever framed them, however they were cut, whatever the bytes."""

import pytest
from h2.events import RemoteSettingsChanged, WindowUpdated
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.exchange import Tape
from inferswarm.framing.http1 import Response
from inferswarm.framing.http2 import (
    END_HEADERS,
    END_STREAM,
    LARGEST_FRAME,
    Kind,
    Setting,
    error_name,
    frame,
    header_frames,
    read_response,
    read_settings,
    settings,
    window_update,
)
from tests.builders import FUZZ, cut_at, splits, tape
from tests.framing.frames import HEAD, OK, answer, asked_server, status_only

WHOLE = answer(b"one", b"two", b"", b"three")
PADDED = 0x8
PRIORITY = 0x20


def read(*reads: bytes) -> Response:
    """The answer of reads that came at 1, 2, 3, ..."""
    return read_response(tape(enumerate(reads, start=1)), closed=False)


def head(status: str = "200", flags: int = 0) -> bytes:
    """A head of our own making."""
    made = header_frames(1, [(":status", status), ("x", "y")])
    return made[:4] + bytes([made[4] | flags]) + made[5:]


def test_an_answer_has_status_headers_body_and_trailers() -> None:
    """What h2 wrote is what is read."""
    response = read(WHOLE)

    assert (response.status, response.complete, response.error) == (200, True, "")
    assert response.headers == {"content-type": "application/grpc"}
    assert response.trailers == {"grpc-status": "0"}
    assert response.body == b"onetwothree"
    assert response.head_ns == 1


def test_each_frame_has_the_time_of_the_read_that_completed_it() -> None:
    """A frame that came in two reads was there with the second."""
    head_bytes, data = answer(b"one", b"two"), len(frame(Kind.DATA, 0, 1, b"one"))
    start = head_bytes.index(b"one") - 9
    reads = [head_bytes[: start + data], head_bytes[start + data : start + data + 10]]

    response = read(*reads, head_bytes[start + data + 10 :])

    assert response.pieces == [(1, b"one"), (3, b"two")]
    assert response.head_ns == 1


def test_every_cut_gives_the_same_answer() -> None:
    """Two reads cut at every byte, and a byte at a time."""
    for reads in splits(WHOLE):
        response = read(*reads)
        assert response.complete
        assert response.body == b"onetwothree"
        assert response.trailers == dict(OK)


def test_every_beginning_is_incomplete_and_no_error() -> None:
    """An answer that was cut off is not complete, and what was whole of it is read."""
    for end in range(len(WHOLE)):
        response = read(WHOLE[:end])
        assert not response.complete
        assert not response.error
        assert b"onetwothree".startswith(response.body)


@FUZZ
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_are_read_without_raising(reads: list[bytes]) -> None:
    """Noise is an error or an incomplete answer."""
    assert not read(*filter(None, reads)).complete


@FUZZ
@given(
    st.lists(
        st.builds(
            frame,
            st.sampled_from(list(Kind)),
            st.integers(0, 255),
            st.just(1),
            st.binary(max_size=40),
        ),
        max_size=6,
    ),
    st.lists(st.integers(0, 400), max_size=3),
)
def test_any_frames_are_read_without_raising(frames: list[bytes], cuts: list[int]) -> None:
    """Frames of any kind with any flags and payload, behind a proper head."""
    response = read(*cut_at(head() + b"".join(frames), cuts))

    assert response.status in (0, 200)


@FUZZ
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.lists(st.integers(0, 400)))
def test_an_answer_with_one_wrong_byte_does_not_raise(at: int, byte: int, cuts: list[int]) -> None:
    """Whatever is damaged, reading ends with a value."""
    read(*cut_at(WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :], cuts))


def test_a_status_alone_is_a_whole_answer() -> None:
    """A head that ends the stream, as gRPC refuses a call."""
    response = read(status_only(("grpc-status", "8")))

    assert response.complete
    assert response.headers["grpc-status"] == "8"
    assert not response.trailers


def test_interim_heads_are_skipped() -> None:
    """A 103 is not the answer."""
    response = read(head("103"), head("200"))

    assert response.status == 200
    assert response.head_ns == 2


def test_a_block_may_go_on_after_its_frame() -> None:
    """CONTINUATION frames belong to the HEADERS before them, and END_STREAM waits for them."""
    long = [*HEAD, *((f"name-{i}", "v" * 900) for i in range(40))]
    made = header_frames(1, long)
    ended = made[:4] + bytes([made[4] | END_STREAM]) + made[5:]

    response = read(ended)

    assert made.count(bytes([Kind.CONTINUATION]), 3) > 0
    assert len(response.headers) == 41
    assert response.complete
    assert not read(ended[: LARGEST_FRAME + 9]).complete


def test_padding_and_priority_are_taken_off() -> None:
    """They are no part of what was sent."""
    block = header_frames(1, [(":status", "200")])[9:]
    padded_head = b"\x02" + b"\0\0\0\0\x10" + block + b"\0\0"
    reads = (
        frame(Kind.HEADERS, END_HEADERS | PADDED | PRIORITY, 1, padded_head),
        frame(Kind.DATA, PADDED | END_STREAM, 1, b"\x03abc\0\0\0"),
    )

    response = read(*reads)

    assert (response.status, response.body, response.complete) == (200, b"abc", True)


@pytest.mark.parametrize(
    "data",
    [
        frame(Kind.DATA, PADDED, 1, b"\x09abc"),
        frame(Kind.DATA, PADDED, 1, b""),
        frame(Kind.HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
        header_frames(1, [("x", "y")]),
        header_frames(1, [(":status", "²00")]),
        b"\xff" * 40,
    ],
    ids=["padding", "no padding", "no block", "no status", "odd status", "too long"],
)
def test_what_cannot_be_is_an_error(data: bytes) -> None:
    """The error says so, and nothing is complete."""
    response = read(data)

    assert response.error
    assert not response.complete


def test_http1_is_named_when_it_answers() -> None:
    """The commonest mistake: the port of another protocol."""
    assert "HTTP/1" in read(b"HTTP/1.1 400 Bad Request\r\n\r\n").error


def test_our_settings_and_windows_are_understood_by_others() -> None:
    """h2 reads the frames that we write."""
    server = asked_server()
    events = server.receive_data(
        settings({Setting.INITIAL_WINDOW_SIZE: 1 << 20}) + window_update(0, 1000)
    )

    changed, window = events
    assert isinstance(changed, RemoteSettingsChanged)
    assert isinstance(window, WindowUpdated)
    assert changed.changed_settings[SettingCodes.INITIAL_WINDOW_SIZE].new_value == 1 << 20
    assert window.delta == 1000


def test_settings_are_read_in_order() -> None:
    """Parameters and values, and a remainder is none."""
    payload = settings({Setting.ENABLE_PUSH: 0, Setting.INITIAL_WINDOW_SIZE: 77})[9:]

    assert list(read_settings(payload + b"\0")) == [(2, 0), (4, 77)]


def test_errors_have_names() -> None:
    """Known codes by the standard's name, others by number."""
    assert error_name(7) == "REFUSED_STREAM"
    assert error_name(1 << 20) == "error 1048576"


def test_an_empty_tape_is_an_empty_answer() -> None:
    """Nothing came."""
    response = read_response(Tape(), closed=True)

    assert (response.status, response.complete, response.error) == (0, False, "")
