"""Facts about the C server of the bench: what it says, what it logs, what it survives."""

import random
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from bench.truth import Pace, Truth, build, compiler, read_log, running

from inferswarm.adapters import Answer, Wanted
from inferswarm.adapters.openai import CHAT, COMPLETIONS
from inferswarm.exchange import Tape
from inferswarm.framing.http1 import EndFinder, Response, read_response
from inferswarm.prompts import Prompt

LIMIT_S = 20.0
SLACK_NS = 1_000_000
pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler: install gcc or clang")
Start = Callable[[Pace], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server, compiled once."""
    return build(tmp_path_factory.mktemp("build"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the log goes."""
    return tmp_path / "truth.bin"


@pytest.fixture
def start(binary: Path, log: Path) -> Start:
    """Starts the server with a pace; it ends with its context."""
    return lambda pace: running(binary, pace, log)


def dial(url: str) -> socket.socket:
    """A connection to the server."""
    where = urlsplit(url)
    assert where.hostname is not None
    return socket.create_connection((where.hostname, where.port), timeout=LIMIT_S)


def wire(
    tokens: int,
    *,
    stream: bool,
    prompt: str = "hello",
    api: Literal["completions", "chat"] = "completions",
) -> bytes:
    """A request as inferswarm's own adapter words it."""
    wanted = Wanted(
        model="inferswarm-bench",
        stream=stream,
        max_output_tokens=tokens,
        ignore_eos=True,
        temperature=None,
        extra_body={},
    )
    asked = (CHAT if api == "chat" else COMPLETIONS).request(Prompt(prompt), wanted)
    head = f"{asked.method} {asked.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(asked.body)}"
    return head.encode() + b"\r\n\r\n" + asked.body


def receive(sock: socket.socket) -> Response:
    """One answer, read by inferswarm's own parser."""
    finder, parts, ends, times = EndFinder(), [b""], [0], [0]
    while not finder.feed(data := sock.recv(1 << 16)):
        assert data, "the server closed within an answer"
        parts.append(data)
        ends.append(ends[-1] + len(data))
        times.append(time.monotonic_ns())
    parts.append(data)
    ends.append(ends[-1] + len(data))
    times.append(time.monotonic_ns())
    return read_response(Tape(b"".join(parts), times, ends), closed=False)


def ask(sock: socket.socket, tokens: int, *, stream: bool) -> Answer:
    """Send one request and read its answer."""
    sock.sendall(wire(tokens, stream=stream))
    response = receive(sock)
    assert (response.status, response.error) == (200, "")
    return COMPLETIONS.read(response, "")


@pytest.mark.parametrize("pace", [Pace(), Pace(2_000, 500)])
def test_a_streamed_answer_holds_the_tokens_asked_for(start: Start, pace: Pace) -> None:
    """As many chunks and as much usage as `max_tokens` says, on a connection that stays open."""
    with start(pace) as url, dial(url) as sock:
        for tokens in (1, 7, 300):
            answer = ask(sock, tokens, stream=True)
            assert (len(answer.chunk_ns), answer.output_tokens) == (tokens, tokens)
            assert answer.ended
            assert answer.finish_reason == "length"
            assert not answer.bad_frame


@pytest.mark.parametrize("pace", [Pace(), Pace(1_000, 100)])
def test_a_plain_answer_is_one_object_with_usage(start: Start, pace: Pace) -> None:
    """Without `stream` a JSON body says how many tokens there were."""
    with start(pace) as url, dial(url) as sock:
        for tokens in (1, 50):
            answer = ask(sock, tokens, stream=False)
            assert (answer.streamed, answer.output_tokens, answer.ended) == (False, tokens, True)


def test_chat_is_answered_in_its_own_form(start: Start) -> None:
    """Streamed or not, on one connection with completions, which keep theirs."""
    with start(Pace(1_000, 100)) as url, dial(url) as sock:
        for stream in (True, False):
            for tokens in (1, 20):
                sock.sendall(wire(tokens, stream=stream, api="chat"))
                response = receive(sock)
                answer = COMPLETIONS.read(response, "")
                assert (answer.output_tokens, answer.ended) == (tokens, True)
                assert b"chat.completion" in response.body
            assert ask(sock, 3, stream=stream).output_tokens == 3


def test_newer_names_of_the_token_limit_are_taken(start: Start) -> None:
    """`max_completion_tokens` counts where `max_tokens` is absent."""
    body = b'{"messages":[],"stream":false,"max_completion_tokens":4}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    with start(Pace()) as url, dial(url) as sock:
        sock.sendall(head.encode() + body)
        assert COMPLETIONS.read(receive(sock), "").output_tokens == 4


def test_its_health_is_good(start: Start) -> None:
    """`GET /health` is what some tools ask first."""
    with start(Pace()) as url, dial(url) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert receive(sock).status == 200


def test_the_model_list_names_one_model(start: Start) -> None:
    """`GET /v1/models` is what a client without a model name asks."""
    with start(Pace()) as url, dial(url) as sock:
        sock.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        assert COMPLETIONS.read_models(receive(sock).body) == ["inferswarm-bench"]


def test_keys_inside_the_prompt_are_not_options(start: Start) -> None:
    """A prompt that quotes JSON does not change the answer."""
    prompt = '"max_tokens": 9, "stream": true'
    with start(Pace()) as url, dial(url) as sock:
        sock.sendall(wire(3, stream=False, prompt=prompt))
        assert COMPLETIONS.read(receive(sock), "").output_tokens == 3


def test_requests_sent_ahead_are_answered_in_turn(start: Start) -> None:
    """What comes while an answer is written waits for its end."""
    with start(Pace(1_000, 100)) as url, dial(url) as sock:
        sock.sendall(wire(3, stream=False) + wire(5, stream=False))
        data = b""
        while data.count(b"total_tokens") < 2:
            data += sock.recv(1 << 16)
    assert data.index(b'"completion_tokens":3') < data.index(b'"completion_tokens":5')


def test_the_log_tells_when_each_token_was_written(start: Start, log: Path) -> None:
    """Token i is never written before received + ttft + i * itl, and times ascend."""
    pace = Pace(5_000, 2_000)
    before_ns = time.time_ns()
    with start(pace) as url, dial(url) as sock:
        ask(sock, 20, stream=True)
        ask(sock, 4, stream=False)
    streamed, plain = read_log(log).rows
    assert (streamed.streamed, streamed.complete, len(streamed.token_ns)) == (True, True, 20)
    assert before_ns - SLACK_NS < streamed.received_ns < time.time_ns()
    for i, at_ns in enumerate(streamed.token_ns):
        late_ns = at_ns - streamed.received_ns - (pace.ttft_us + i * pace.itl_us) * 1_000
        assert 0 <= late_ns < LIMIT_S * 1e9
    assert list(streamed.token_ns) == sorted(streamed.token_ns)
    assert streamed.token_ns[0] == streamed.first_write_ns
    assert streamed.end_ns >= streamed.token_ns[-1]
    assert plain.first_write_ns - plain.received_ns >= (pace.ttft_us + 3 * pace.itl_us) * 1_000


def test_many_streams_at_once_are_each_whole(start: Start, log: Path) -> None:
    """Streams share the server, and each gets its own tokens."""
    with start(Pace(1_000, 200)) as url:
        socks = [dial(url) for _ in range(100)]
        for number, sock in enumerate(socks):
            sock.sendall(wire(1 + number, stream=True))
        for number, sock in enumerate(socks):
            assert COMPLETIONS.read(receive(sock), "").output_tokens == 1 + number
            sock.close()
    assert sorted(row.tokens for row in read_log(log).rows) == list(range(1, 101))


@pytest.mark.parametrize("pace", [Pace(), Pace(1_000, 1_000)])
def test_a_client_that_hangs_up_early_costs_only_its_own_answer(
    start: Start, log: Path, pace: Pace
) -> None:
    """The row says that it was cut, and others are served."""
    with start(pace) as url:
        for _ in range(20):
            with dial(url) as sock:
                sock.sendall(wire(60_000, stream=True))
                assert sock.recv(100)
        with dial(url) as sock:
            assert ask(sock, 5, stream=True).output_tokens == 5
    rows = read_log(log).rows
    assert [row.complete for row in rows] == [False] * 20 + [True]
    assert all(row.end_ns == 0 for row in rows[:20])


def test_a_client_that_does_not_read_gets_its_whole_answer_later(start: Start) -> None:
    """A full socket delays an answer and breaks nothing."""
    with start(Pace()) as url, dial(url) as slow, dial(url) as quick:
        slow.sendall(wire(60_000, stream=True))
        assert ask(quick, 5, stream=True).output_tokens == 5
        time.sleep(0.2)
        assert COMPLETIONS.read(receive(slow), "").output_tokens == 60_000


def test_garbage_is_refused_and_survived(start: Start) -> None:
    """Random bytes, cut heads, lies about lengths: the server still answers the next client."""
    noise = random.Random(7)
    pieces = [noise.randbytes(noise.randrange(1, 3_000)) for _ in range(60)]
    whole = wire(5, stream=True)
    pieces += [whole[:cut] for cut in range(0, len(whole), 9)]
    pieces += [b"GET " + b"x" * 40_000, b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"]
    pieces += [b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"]
    pieces += [b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"\0" * 50]
    pieces += [b"POST /v1/completions HTTP/1.1\r\nContent-Length: 3\r\n\r\n\0\xff{"]
    with start(Pace()) as url:
        for piece in pieces:
            with dial(url) as sock:
                sock.sendall(piece)
        with dial(url) as sock:
            assert ask(sock, 5, stream=True).output_tokens == 5


def test_garbage_gets_an_answer_that_says_so(start: Start) -> None:
    """What is no request ends in a 400 and a closed connection."""
    with start(Pace()) as url, dial(url) as sock:
        sock.sendall(b"hello there\r\n\r\n")
        assert receive(sock).status == 400
        assert sock.recv(1) == b""


def test_a_log_is_written_for_a_server_that_nobody_asked(start: Start, log: Path) -> None:
    """SIGTERM writes the log, whatever it holds."""
    with start(Pace()):
        pass
    assert read_log(log) == Truth([], 0, 0)
