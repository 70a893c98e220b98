"""Kernel times in the gevent recorder: converted, judged, and not trusted across a step of a clock."""

import contextlib
import socket as plain_socket
import struct
from collections.abc import Iterator

import gevent
import pytest
from gevent import monkey

from inferswarm.clock import now_ns
from inferswarm.exchange import Exchange, Tape
from inferswarm.load.transport import Timeouts, kernel_times
from inferswarm.load.transport.gevent_recorder import (
    READ_BYTES,
    GeventConnection,
    GeventRecorder,
)
from inferswarm.load.transport.http import HttpTransport
from inferswarm.load.transport.kernel_times import (
    CLOCK_STEP_NS,
    Arrival,
    Distance,
    KernelTimes,
    arrival,
    compared,
    stamp_of,
)
from inferswarm.load.transport.recording import Recording
from inferswarm.target import Endpoint
from tests.load.servers import STREAM_HEAD, answering, plain, scripted, token

S = 1_000_000_000
MS = 1_000_000
WALL = 1_700_000_000 * S
PATIENT = Timeouts(5 * S, 5 * S, 5 * S, 10 * S)
REQUEST = b"GET / HTTP/1.1\r\n\r\n"

needs_stamps = pytest.mark.skipif(
    not kernel_times.available(), reason="needs a Linux whose kernel stamps what it receives"
)
sleep_blocking = monkey.get_original("time", "sleep")


def test_the_distance_of_two_clocks_follows_noise_and_notices_a_step() -> None:
    """Below a tenth of a millisecond it is noise; from there stamps count only from now on."""
    held = Distance(WALL, 7)

    assert compared(held, 100, WALL + 150, 200) == Distance(WALL, 7)
    assert compared(held, 100, WALL + 150 + CLOCK_STEP_NS - 1, 200) == Distance(
        WALL + CLOCK_STEP_NS - 1, 7
    )
    for step in (CLOCK_STEP_NS, -CLOCK_STEP_NS, 3600 * S, -3600 * S):
        assert compared(held, 100, WALL + 150 + step, 200) == Distance(WALL + step, 200)


def test_a_stamp_is_converted_to_the_own_clock() -> None:
    """A read that came 20 ms late keeps the instant at which its bytes arrived."""
    found = arrival(Distance(WALL, 0), 50 * MS, WALL + 30 * MS, more=False)

    assert found == Arrival(30 * MS, WALL + 30 * MS, more=False)


def test_noise_does_not_put_an_arrival_behind_its_read() -> None:
    """A stamp that seems a little younger than the read has the read's time, and counts."""
    found = arrival(Distance(WALL, 0), 50 * MS, WALL + 50 * MS + 900, more=True)

    assert found == Arrival(50 * MS, WALL + 50 * MS + 900, more=True)


@pytest.mark.parametrize(
    ("distance", "stamp"),
    [
        (Distance(WALL, 0), 0),  # none was given
        (Distance(WALL, 40 * MS), WALL + 30 * MS),  # from before the last step
        (Distance(WALL - S, 0), WALL),  # would be in the future: the clock was set back
    ],
)
def test_what_cannot_be_converted_has_the_time_of_its_read(distance: Distance, stamp: int) -> None:
    """The own clock stands in, and the arrival says that it has no stamp."""
    assert arrival(distance, 50 * MS, stamp, more=False) == Arrival(50 * MS, 0, more=False)


@pytest.mark.parametrize("step", [S, -S])
def test_reads_around_a_step_of_the_wall_clock(step: int) -> None:
    """Bytes that came before the step have the time of their read, those after it their own again."""
    held = Distance(WALL, 0)
    after = compared(held, 100 * MS, WALL + step + 100 * MS, 100 * MS)
    before_step = arrival(after, 100 * MS, WALL + 90 * MS, more=False)
    same_again = arrival(after, 101 * MS, WALL + 91 * MS, more=False)
    later = arrival(after, 130 * MS, WALL + step + 120 * MS, more=False)

    assert before_step == Arrival(100 * MS)
    assert same_again == Arrival(101 * MS)
    assert later.at_ns == 120 * MS
    assert later.stamp_ns


def test_what_the_kernel_says_with_a_read_is_understood() -> None:
    """The software stamp is the first of three times; bytes left behind make a read one of several."""
    stamp = (1, 37, struct.pack("@6l", 1_700_000_000, 5, 0, 0, 7, 7))
    left = (6, 36, struct.pack("@i", 9))

    assert stamp_of([stamp, left]) == (WALL + 5, 9)
    assert stamp_of([(1, 99, b"")]) == (0, 0)
    assert KernelTimes().of([left], full=False).more
    assert KernelTimes().of([], full=True).more
    assert not KernelTimes().of([stamp], full=False).more


@contextlib.contextmanager
def connected(recorder: GeventRecorder) -> Iterator[tuple[GeventConnection, plain_socket.socket]]:
    """A TCP connection that records an answer, and the other end of it, which blocks."""
    make = monkey.get_original("socket", "socket")
    with make() as listener, make() as ours:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ours.connect(listener.getsockname())
        ours.setblocking(False)
        theirs, _ = listener.accept()
        connection = recorder.connect(ours, None, "there")
        connection.attach(Recording(PATIENT))
        with theirs:
            theirs.setsockopt(plain_socket.IPPROTO_TCP, plain_socket.TCP_NODELAY, 1)
            yield connection, theirs
        connection.close()


def read_so_far(connection: GeventConnection, size: int) -> Tape:
    """The tape once it holds so many bytes."""
    with gevent.Timeout(5):
        while connection._reel.length < size:
            gevent.sleep(0.005)
    return connection._reel.tape()


@needs_stamps
def test_bytes_read_late_keep_their_time() -> None:
    """They came while the loop was blocked; the tape says when, not when it was free again."""
    recorder = GeventRecorder()
    with connected(recorder) as (connection, theirs):
        theirs.sendall(STREAM_HEAD)
        read_so_far(connection, len(STREAM_HEAD))
        written_ns = now_ns()
        theirs.sendall(token())
        sleep_blocking(0.5)
        tape = read_so_far(connection, len(STREAM_HEAD + token()))

    assert recorder.clock == "kernel"
    assert (tape.merged, tape.unstamped) == (0, 0)
    assert written_ns - MS < tape.arrived_ns[-1] < written_ns + 250 * MS


@needs_stamps
def test_reads_that_leave_bytes_behind_are_merged() -> None:
    """What came in many writes and is read in a few large pieces is merged as far as it is known."""
    with connected(GeventRecorder()) as (connection, theirs):
        theirs.sendall(STREAM_HEAD)
        read_so_far(connection, len(STREAM_HEAD))
        sent = READ_BYTES + READ_BYTES // 2
        theirs.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_SNDBUF, 4 * sent)
        theirs.sendall(b"x" * sent)
        sleep_blocking(0.1)
        tape = read_so_far(connection, len(STREAM_HEAD) + sent)

    assert len(tape.ends) >= 3
    assert tape.merged >= 1


@needs_stamps
def test_a_step_of_the_wall_clock_costs_the_stamps_before_it() -> None:
    """The read that notices the step uses the own clock and is counted; the next is stamped again."""
    recorder = GeventRecorder()
    times = recorder._times
    assert times is not None
    with connected(recorder) as (connection, theirs):
        theirs.sendall(STREAM_HEAD)
        read_so_far(connection, len(STREAM_HEAD))
        # As after a step: the distance that was seen last is not the one of now.
        times._distance = times._distance._replace(ns=times._distance.ns + S)
        theirs.sendall(token())
        stepped = read_so_far(connection, len(STREAM_HEAD + token()))
        theirs.sendall(token())
        tape = read_so_far(connection, len(STREAM_HEAD + 2 * token()))

    assert stepped.unstamped == 1
    assert tape.unstamped == 1
    assert list(tape.arrived_ns) == sorted(tape.arrived_ns)
    assert tape.arrived_ns[-1] - tape.arrived_ns[0] < S


def test_without_stamps_the_own_clock_is_used_and_said() -> None:
    """The recorder says `process`, and every read is counted."""
    recorder = GeventRecorder(stamped=False)
    with connected(recorder) as (connection, theirs):
        before_ns = now_ns()
        theirs.sendall(STREAM_HEAD)
        tape = read_so_far(connection, len(STREAM_HEAD))

    assert recorder.clock == "process"
    assert tape.unstamped == len(tape.ends) == 1
    assert before_ns < tape.arrived_ns[0] <= now_ns()


def test_a_socket_that_gives_no_stamps_is_read_all_the_same() -> None:
    """A refusal of the socket shows as unstamped reads, with the own clock's time."""
    ours, theirs = plain_socket.socketpair()
    ours.setblocking(False)
    connection = GeventRecorder().connect(ours, None, "there")
    recording = Recording(PATIENT)
    recording.sent_ns = now_ns()
    connection.attach(recording)
    with theirs:
        theirs.sendall(plain(b"1"))
        with gevent.Timeout(5):
            recording.wait()
    connection.detach()
    connection.close()

    assert recording.tape.data == plain(b"1")
    assert recording.tape.unstamped == len(recording.tape.ends)


def exchange_with(transport: HttpTransport) -> Exchange:
    """One exchange."""
    found: list[Exchange] = []
    transport.exchange(REQUEST, now_ns(), found.append)
    return found[0]


@needs_stamps
def test_first_packets_of_new_connections_have_a_kernel_stamp() -> None:
    """The host stamps lazily; sixty new connections show that it is kept awake from the start."""
    answer = plain(b"1", extra=b"Connection: close\r\n")
    with scripted(answering(answer, keep=False)) as (port, _):
        transport = HttpTransport(Endpoint("127.0.0.1", port), PATIENT, GeventRecorder())
        tapes = [exchange_with(transport).tape for _ in range(60)]
        transport.close()

    assert [tape.unstamped for tape in tapes] == [0] * 60
