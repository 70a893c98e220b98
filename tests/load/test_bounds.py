"""What very long answers and very many streams cost: bounded memory, no time that grows squared.

Server and client are processes of their own, `python -m tests.load.test_bounds ROLE ...`, so that memory
can be told apart. Each prints one line of JSON.
"""

import inferswarm.load  # noqa: F401  # isort: skip  # it patches, which must come first

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.server import StreamServer

from inferswarm.adapters.table import BACKENDS
from inferswarm.clock import now_ns
from inferswarm.exchange import Exchange, Outcome
from inferswarm.load.transport import Timeouts
from inferswarm.load.transport.gevent_recorder import GeventRecorder
from inferswarm.load.transport.http import HttpTransport
from inferswarm.load.transport.native_recorder import NativeRecorder, available
from inferswarm.prompts import Prompt
from inferswarm.reading import Asked, read_exchange
from inferswarm.target import Endpoint
from tests.load.servers import FINISH, STREAM_END, STREAM_HEAD, Served, chunk, read_request

S = 1_000_000_000
ROOT = Path(__file__).parents[2]
REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
PATIENT = Timeouts(60 * S, 120 * S, 120 * S, 300 * S)
# As long as those of vLLM.
TOKEN = chunk(b'data: {"id":"%s","choices":[{"index":0,"text":" a"}]}\n\n' % (b"x" * 160))
MANY_TOKENS = 1_000_000
WRITTEN_TOGETHER = 50
STREAMS = 5_000
SPARE_FILES = 200


def serve(tokens: int, itl_s: float) -> None:
    """Stream so many tokens to whoever asks, until standard input ends; prints the port."""

    def answer(sock: socket.socket, _: object) -> None:
        served = Served()
        while read_request(sock, served):
            served.requests.clear()
            sock.sendall(STREAM_HEAD)
            for sent in range(0, tokens, WRITTEN_TOGETHER if not itl_s else 1):
                gevent.sleep(itl_s)
                sock.sendall(TOKEN * (1 if itl_s else min(WRITTEN_TOGETHER, tokens - sent)))
            sock.sendall(FINISH + STREAM_END)

    raise_file_limit()
    server = StreamServer(("127.0.0.1", 0), answer, backlog=4096)
    server.start()
    print(json.dumps(server.server_port), flush=True)  # noqa: T201
    gevent.get_hub().threadpool.apply(sys.stdin.read)


def ask(port: int, recorder_kind: str, streams: int) -> None:
    """Ask so many at once, read their answers, and print what that took."""
    raise_file_limit()
    recorder = NativeRecorder() if recorder_kind == "native" else GeventRecorder()
    transport = HttpTransport(Endpoint("127.0.0.1", port), PATIENT, recorder)
    adapter = BACKENDS["vllm"].apis["completions"]
    asked_for = Asked(0, 0, Prompt("a"), "vllm", "completions", streamed=True)
    exchanges: list[Exchange] = []
    at_first = peak_bytes()
    began = time.monotonic()
    asking = [
        gevent.spawn(transport.exchange, REQUEST, now_ns(), exchanges.append)
        for _ in range(streams)
    ]
    gevent.joinall(asking, raise_error=True)
    recorded, recorded_s = peak_bytes(), time.monotonic() - began
    began = time.monotonic()
    chunks, outcomes, reads = 0, dict.fromkeys(Outcome, 0), 0
    while exchanges:
        record = read_exchange(exchanges.pop(), asked_for, adapter)
        chunks += len(record.chunk_ns)
        reads += record.reads
        outcomes[record.outcome] += 1
    transport.close()
    found = {
        "recorded_bytes": recorded - at_first,
        "grown_bytes": peak_bytes() - at_first,
        "recorded_s": recorded_s,
        "read_s": time.monotonic() - began,
        "chunks": chunks,
        "reads": reads,
        "outcomes": {kind: count for kind, count in outcomes.items() if count},
    }
    print(json.dumps(found), flush=True)  # noqa: T201


def peak_bytes() -> int:
    """The largest memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def raise_file_limit() -> None:
    """As many open files as the system allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def serving(tokens: int, itl_s: float) -> Iterator[int]:
    """The port of a server in a process of its own."""
    command = [sys.executable, "-m", "tests.load.test_bounds", "serve", str(tokens), str(itl_s)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        try:
            assert child.stdout is not None
            yield int(child.stdout.readline())
        finally:
            child.kill()


def asked(port: int, recorder_kind: str, streams: int) -> dict[str, Any]:
    """What a client in a process of its own says."""
    command = [sys.executable, "-m", "tests.load.test_bounds", "ask"]
    done = subprocess.run(
        [*command, str(port), recorder_kind, str(streams)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(params=["gevent", "native"])
def recorder_kind(request: pytest.FixtureRequest) -> str:
    """Both recorders are held to the same bounds."""
    if request.param == "native" and not available():
        pytest.skip("needs the C extension: a compiler when the package is installed, on Linux")
    return str(request.param)


@pytest.mark.slow
def test_an_answer_of_a_million_tokens(recorder_kind: str) -> None:
    """It is recorded and read whole, within a few times its size, in seconds."""
    with serving(MANY_TOKENS, 0) as port:
        found = asked(port, recorder_kind, 1)

    assert found["outcomes"] == {"ok": 1}
    assert found["chunks"] == MANY_TOKENS
    assert found["grown_bytes"] < 2_000 * MANY_TOKENS, found


@pytest.mark.slow
def test_five_thousand_open_streams(recorder_kind: str) -> None:
    """All are answered whole, each at the cost of its answer and some kilobytes."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < STREAMS + SPARE_FILES:
        pytest.skip(f"needs a hard limit of {STREAMS + SPARE_FILES} open files: ulimit -Hn")
    with serving(8, 1.0) as port:
        found = asked(port, recorder_kind, STREAMS)

    assert found["outcomes"] == {"ok": STREAMS}
    assert found["chunks"] == 8 * STREAMS
    assert found["grown_bytes"] < 50_000 * STREAMS, found


if __name__ == "__main__":
    role, *words = sys.argv[1:]
    if role == "serve":
        serve(int(words[0]), float(words[1]))
    else:
        ask(int(words[0]), words[1], int(words[2]))
