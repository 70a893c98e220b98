"""The C recorder: where an answer ends, whose clock stamps it, and what must not disturb it."""

import errno
import itertools
import os
import signal
import socket as plain_socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import monkey
from hypothesis import given, settings
from hypothesis import strategies as st

from inferswarm.clock import ANCHOR_NS, now_ns
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.exchange import Exchange
from inferswarm.framing.http1 import EndFinder
from inferswarm.load.transport import Timeouts
from inferswarm.load.transport.http import HttpTransport
from inferswarm.load.transport.native_recorder import NativeRecorder, _reader, available
from inferswarm.simulator.process import RunningSimulator
from inferswarm.target import Endpoint
from tests.load.servers import answering, plain, scripted

pytestmark = pytest.mark.skipif(
    not available(), reason="needs the C extension: gcc and python3-dev when installing, on Linux"
)

S = 1_000_000_000
MS = 1_000_000
PATIENT = Timeouts(5 * S, 5 * S, 5 * S, 10 * S)
CAPTURES = Path(__file__).parent.parent / "captures"
HEADS = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n",
]
BODIES = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


def scan(pieces: list[bytes]) -> tuple[int, str, bool]:
    """What the C scanner says: which piece ended the answer (or -1), how, and keep-alive."""
    assert _reader is not None
    index, how, keep_alive = _reader.scan_end(pieces)
    return int(index), str(how), bool(keep_alive)


def llhttp(pieces: list[bytes]) -> tuple[int, bool]:
    """The same by the parser that reads the answer afterwards."""
    finder = EndFinder()
    for index, piece in enumerate(pieces):
        if finder.feed(piece):
            return index, finder.keep_alive
    return -1, False


def chunked(parts: list[bytes]) -> bytes:
    """A chunked body with a chunk extension and a trailer."""
    body = b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in parts)
    return body + b"0\r\nTrailer: x\r\n\r\n"


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    st.sampled_from(HEADS),
    BODIES,
    st.booleans(),
    st.sampled_from([b"", b"", b"HTTP/1.1 200 OK\r\n\r\n", b"x"]),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_scanner_and_parser_agree_on_where_an_answer_ends(
    head: bytes,
    parts: list[bytes],
    sized: bool,  # noqa: FBT001 - hypothesis gives it by position
    more: bytes,
    places: list[int],
) -> None:
    """For any proper answer in any pieces: the same end, the same keep-alive."""
    body = b"".join(parts)
    if sized:
        answer = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    else:
        answer = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(parts)
    pieces = cut(answer + more, places)
    index, how, keep_alive = scan(pieces)

    assert how == "done"
    assert (index, keep_alive) == llhttp(pieces)


@settings(derandomize=True, max_examples=500, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    """Garbage ends as bad, is still open, or goes on until the server closes; it never crashes."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for start in ([], [head], [b"HTTP/1."]):
        index, how, _ = scan([*start, *pieces])
        assert how in ("done", "bad", "open", "until close")
        assert (index >= 0) == (how in ("done", "bad"))


def test_captures_end_at_their_last_byte_however_they_are_cut() -> None:
    """Each answer of a real server, cut at every byte, ends with its last piece."""
    for path in sorted(CAPTURES.glob("*.http")):
        data = path.read_bytes()
        step = 1 if len(data) < 3_000 else 37
        for place in range(1, len(data), step):
            assert scan([data[:place], data[place:]])[:2] == (1, "done"), path.name
        assert scan([bytes([byte]) for byte in data])[0] == len(data) - 1


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20x OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 1\n\n1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
    ],
)
def test_what_is_not_http_stops_the_recording(answer: bytes) -> None:
    """The scanner does not judge: it stops at once and leaves the bytes to the parser."""
    assert scan([answer])[1] == "bad"


def exchange_with(transport: HttpTransport, wire: bytes) -> Exchange:
    """One exchange."""
    found: list[Exchange] = []
    transport.exchange(wire, now_ns(), found.append)
    return found[0]


def completion(tokens: int) -> bytes:
    """A streamed completion request."""
    body = b'{"model":"simulated","prompt":"a","max_tokens":%d,"stream":true}' % tokens
    head = b"POST /v1/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def test_first_packets_of_new_connections_have_a_kernel_stamp() -> None:
    """The host stamps lazily; sixty new connections show that it is kept awake."""
    with scripted(answering(plain(b"1", extra=b"Connection: close\r\n"), keep=False)) as (port, _):
        transport = HttpTransport(Endpoint("127.0.0.1", port), PATIENT, NativeRecorder())
        with gevent.Timeout(5):  # the host needs a moment to begin with it
            while exchange_with(transport, b"GET / HTTP/1.1\r\n\r\n").tape.unstamped:
                gevent.sleep(0.02)
        tapes = [exchange_with(transport, b"GET / HTTP/1.1\r\n\r\n").tape for _ in range(60)]
        transport.close()

    assert [tape.unstamped for tape in tapes] == [0] * 60


def test_a_busy_python_delays_no_stamp() -> None:
    """While this process is blocked for half a second, tokens keep their own arrival times."""
    options = SimulatorOptions.model_validate({"ttft": "30ms", "itl": "20ms"})
    with RunningSimulator(options) as simulator:
        transport = HttpTransport(Endpoint("127.0.0.1", simulator.port), PATIENT, NativeRecorder())
        found: list[Exchange] = []
        asking = gevent.spawn(transport.exchange, completion(20), now_ns(), found.append)
        gevent.sleep(0.02)
        blocked_ns = now_ns()
        monkey.get_original("time", "sleep")(0.6)
        free_ns = now_ns()
        asking.join(timeout=5)
        transport.close()
        (row,) = simulator.truth()
    arrivals = sorted(set(found[0].tape.arrived_ns))
    within = [at for at in arrivals if blocked_ns < at < free_ns]
    lateness = [min(abs(at - token) for token in row.token_ns) for at in within]

    assert len(within) >= 15
    assert sorted(lateness)[len(lateness) // 2] < 5 * MS


def test_a_handle_is_never_used_again() -> None:
    """Descriptors are: a hundred connections one after another have a hundred handles."""
    assert _reader is not None
    reader = _reader.Reader(ANCHOR_NS, 1 << 20)
    handles, numbers = set(), set()
    for _ in range(100):
        ours, theirs = plain_socket.socketpair()
        numbers.add(ours.fileno())
        handle = reader.adopt(ours.detach(), False)
        handles.add(handle)
        reader.close(handle)
        theirs.close()
        assert not reader.usable(handle)
        assert not reader.begin(handle)
        assert reader.take(handle) is None
        assert reader.socket(handle) == -1
        reader.close(handle)

    assert len(handles) == 100
    assert len(numbers) < 100


def test_an_answer_larger_than_the_limit_is_ended() -> None:
    """Memory for one answer is bounded, and what was recorded of it is kept."""
    assert _reader is not None
    reader = _reader.Reader(ANCHOR_NS, 1 << 16)
    ours, theirs = plain_socket.socketpair()
    ours.setblocking(False)
    handle = reader.adopt(ours.detach(), False)
    assert reader.begin(handle)
    theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 90_000)
    with gevent.Timeout(5):
        while not (ended := reader.ended()):
            gevent.sleep(0.01)
    taken = reader.take(handle)
    theirs.close()

    assert ended == [handle]
    assert 1 << 16 < len(taken[0]) < (1 << 16) + (1 << 13)
    assert taken[-1] != 0
    assert not reader.usable(handle)


def raw_pair(reader: Any) -> tuple[int, plain_socket.socket]:
    """A raw connection's handle, and its other side."""
    ours, theirs = plain_socket.socketpair()
    ours.setblocking(False)
    return reader.adopt(ours.detach(), True), theirs


def reported(reader: Any) -> list[int]:
    """The handles that the thread reports next."""
    with gevent.Timeout(5):
        while not (handles := reader.ended()):
            gevent.sleep(0.005)
    return [int(handle) for handle in handles]


def test_a_raw_connection_is_reported_once_until_it_is_taken() -> None:
    """Whatever comes is kept with its times; the end is told with what came before it."""
    assert _reader is not None
    reader = _reader.Reader(ANCHOR_NS, 1 << 20)
    handle, theirs = raw_pair(reader)
    assert reader.take_raw(handle) is None
    theirs.sendall(b"\x16abc")
    assert reported(reader) == [handle]
    theirs.sendall(b"def")
    gevent.sleep(0.05)
    assert reader.ended() == []
    data, times, ends, flags, closed, error = reader.take_raw(handle)
    assert (data, ends, closed, error) == (b"\x16abcdef", [4, 7], False, 0)
    assert sorted(times) == times
    assert len(times) == len(flags) == 2
    assert reader.take_raw(handle) is None

    theirs.sendall(b"g")
    theirs.close()
    assert reported(reader) == [handle]
    gevent.sleep(0.05)
    data, *_, closed, error = reader.take_raw(handle)
    assert (data, closed, error) == (b"g", True, 0)
    assert not reader.usable(handle)
    assert not reader.begin(handle)
    reader.close(handle)
    assert reader.take_raw(handle) is None


def test_what_waits_of_a_raw_connection_is_bounded() -> None:
    """Twice the limit of an answer, because of what TLS adds; then nothing more is read."""
    assert _reader is not None
    reader = _reader.Reader(ANCHOR_NS, 1 << 16)
    handle, theirs = raw_pair(reader)
    theirs.setblocking(False)
    with gevent.Timeout(5):
        while reader.usable(handle):
            with suppress(BlockingIOError):
                theirs.send(b"x" * 4_000)
            gevent.sleep(0)
    data, *_, closed, error = reader.take_raw(handle)
    theirs.close()

    assert 1 << 17 < len(data) < (1 << 17) + (1 << 13)
    assert (closed, error) == (False, errno.ENOBUFS)


def test_the_thread_takes_no_signal_and_leaves_forks_alone() -> None:
    """Every signal is blocked in it, and a child of fork ends without harm to the parent."""
    before = set(Path("/proc/self/task").iterdir())
    with scripted(answering(plain(b"1"))) as (port, _):
        transport = HttpTransport(Endpoint("127.0.0.1", port), PATIENT, NativeRecorder())
        assert exchange_with(transport, b"GET / HTTP/1.1\r\n\r\n").failure is None
        masks = []
        for task in set(Path("/proc/self/task").iterdir()) - before:
            status = (task / "status").read_text()
            masks.append(int(status.split("SigBlk:")[1].split()[0], 16))
        if (child := os.fork()) == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert exchange_with(transport, b"GET / HTTP/1.1\r\n\r\n").reused
        transport.close()

    blockable = sum(1 << (n - 1) for n in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
    assert any(mask & blockable == blockable for mask in masks)


def test_many_threads_may_call_at_once() -> None:
    """Adopting, taking and closing from several threads while answers come in loses none."""
    assert _reader is not None
    reader = _reader.Reader(ANCHOR_NS, 1 << 20)
    answer = plain(b"x" * 2_000)
    good: list[bool] = []

    def one() -> None:
        for _ in range(50):
            ours, theirs = plain_socket.socketpair()
            ours.setblocking(False)
            handle = reader.adopt(ours.detach(), False)
            reader.begin(handle)
            theirs.sendall(answer)
            while not reader.progress(handle):
                pass
            data = b""
            while data != answer:
                data += (reader.take(handle) or (b"",))[0]
                reader.begin(handle)
                if data != answer:
                    break
            good.append(answer.startswith(data) and bool(data))
            theirs.close()
            reader.close(handle)

    threads = [
        monkey.get_original("threading", "Thread")(target=one)
        if hasattr(threading, "_original")
        else threading.Thread(target=one)
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert good == [True] * 200
