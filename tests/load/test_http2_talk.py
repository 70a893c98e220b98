"""The client's side of HTTP/2 between bytes and tape: any cut, any bytes, any frames."""

import struct

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import SettingsAcknowledged
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.framing.http2 import (
    FIRST_WINDOW,
    LARGEST_FRAME,
    Kind,
    Setting,
    frame,
    header_frames,
    settings,
    window_update,
)
from inferswarm.load.transport.http2 import Http2Talk
from tests.builders import FUZZ, cut_at, splits
from tests.framing.frames import answer

WHOLE = answer(b"one", b"two")
ASKED = [(":method", "POST"), (":scheme", "http"), (":path", "/x"), (":authority", "h")]
PING = frame(Kind.PING, 0, 0, b"12345678")
MIXED = settings({Setting.INITIAL_WINDOW_SIZE: 70_000}) + PING + WHOLE + PING


def talking(body: bytes = b"body") -> Http2Talk:
    """A talk that asked, and awaits the answer on stream 1."""
    talk = Http2Talk()
    talk.begin()
    talk.request(header_frames(0, ASKED) + body)
    return talk


def test_an_answer_is_kept_whole_however_it_was_cut() -> None:
    """Two reads cut at every byte, and a byte at a time; all else is answered and not kept."""
    for reads in splits(MIXED):
        talk = talking()
        kept = [talk.hear(one, awaited=True) for one in reads]
        assert b"".join(kept) == WHOLE
        assert talk.over
        assert talk.keep_alive
        assert talk.say().count(PING[9:]) == 2


def test_an_answer_is_over_with_its_last_byte() -> None:
    """Not before."""
    talk = talking()
    for at in range(len(WHOLE)):
        assert not talk.over
        talk.hear(WHOLE[at : at + 1], awaited=True)
    assert talk.over


@FUZZ
@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6), st.booleans())
def test_any_bytes_are_heard_without_raising(reads: list[bytes], awaited: bool) -> None:  # noqa: FBT001
    """Noise waits for its rest or breaks the connection."""
    talk = talking()
    for one in reads:
        talk.hear(one, awaited=awaited)
        talk.say()


@FUZZ
@given(
    st.lists(
        st.builds(
            frame,
            st.sampled_from(list(Kind)),
            st.integers(0, 255),
            st.sampled_from([0, 1, 3]),
            st.binary(max_size=20),
        ),
        max_size=8,
    ),
    st.lists(st.integers(0, 400), max_size=4),
)
def test_any_frames_are_heard_without_raising(frames: list[bytes], cuts: list[int]) -> None:
    """Only whole frames of the stream are kept, wherever reads were cut."""
    talk = talking()
    reads = cut_at(b"".join(frames), cuts)
    kept = b"".join(talk.hear(one, awaited=True) for one in reads)
    whole = talking()

    assert kept == whole.hear(b"".join(frames), awaited=True)
    assert all(part in b"".join(frames) for part in (kept[:9], kept[-9:]))


def test_the_first_bytes_are_what_another_server_understands() -> None:
    """Preface, settings, a window for everything, the call; later only the call."""
    server = H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    talk = Http2Talk()
    for turn in range(2):
        talk.begin()
        events = server.receive_data(talk.request(header_frames(0, ASKED) + b"body"))
        kinds = [type(event).__name__ for event in events]
        assert kinds[-3:] == ["RequestReceived", "DataReceived", "StreamEnded"]
        assert ("RemoteSettingsChanged" in kinds) == (turn == 0)
        talk.hear(server.data_to_send(), awaited=True)
        acknowledged = server.receive_data(talk.say())
        assert [type(one) for one in acknowledged] == [SettingsAcknowledged] * (turn == 0)
    assert server.local_flow_control_window(1) == (1 << 31) - 1


def test_a_prompt_goes_out_as_there_is_room() -> None:
    """First what every server takes, then what windows allow, in frames that every server takes."""
    body = b"x" * 200_000
    talk = Http2Talk()
    talk.begin()
    first = talk.request(header_frames(0, ASKED) + body)
    assert first.count(b"x") == FIRST_WINDOW + ASKED[2][1].count("x")
    assert talk.unsent

    talk.hear(window_update(0, 1_000_000), awaited=True)
    assert not talk.say()
    talk.hear(window_update(1, 10), awaited=True)
    assert talk.say() == frame(Kind.DATA, 0, 1, b"x" * 10)
    talk.hear(window_update(1, 1_000_000), awaited=True)
    rest = talk.say()

    assert rest.count(b"x") == 200_000 - FIRST_WINDOW - 10
    assert int.from_bytes(rest[:3], "big") == LARGEST_FRAME
    assert not talk.unsent


def test_windows_are_given_back_before_they_run_out() -> None:
    """A very long answer: what it took of both windows is returned while it comes."""
    talk = talking()
    talk._heard = (1 << 30) - 5
    assert talk.hear(frame(Kind.DATA, 0, 1, b"123456"), awaited=True)

    assert talk.say() == window_update(0, (1 << 30) + 1) + window_update(1, (1 << 30) + 1)


@pytest.mark.parametrize(
    ("data", "lost", "refused"),
    [
        (frame(Kind.RST_STREAM, 0, 1, struct.pack(">I", 8)), "reset the stream: CANCEL", False),
        (frame(Kind.RST_STREAM, 0, 1, struct.pack(">I", 7)), "REFUSED_STREAM", True),
        (frame(Kind.GOAWAY, 0, 0, struct.pack(">II", 0, 0)), "goes away: NO_ERROR", True),
        (frame(Kind.GOAWAY, 0, 0, struct.pack(">II", 1, 0)), "", False),
        (frame(Kind.RST_STREAM, 0, 3, struct.pack(">I", 8)), "", False),
    ],
)
def test_what_ends_a_stream_early_is_told(data: bytes, lost: str, refused: bool) -> None:  # noqa: FBT001
    """By frames of the stream or of the connection, and only when they mean this stream."""
    talk = talking()
    assert not talk.hear(data, awaited=True)

    assert lost in talk.lost
    assert bool(lost) == bool(talk.lost)
    assert talk.refused == refused


def test_an_oversized_frame_breaks_the_connection() -> None:
    """It is kept, so that what came instead of HTTP/2 can be told."""
    talk = talking()
    kept = talk.hear(b"HTTP/1.1 400 Bad Request\r\n\r\n", awaited=True)

    assert kept.startswith(b"HTTP/1.1")
    assert (talk.over, talk.broken, talk.keep_alive) == (True, True, False)
    assert talk.hear(WHOLE, awaited=True) == b""
