"""gRPC's own library on the other side: our client asks its server, which runs in a child.

Its client asks the simulator in `tests/simulator/test_grpc_peer.py`.
"""

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from inferswarm.adapters import Answer, Wanted
from inferswarm.adapters.jetstream import GRPC
from inferswarm.framing.http2 import read_response
from inferswarm.load.transport import Timeouts
from inferswarm.load.transport.gevent_recorder import GeventRecorder
from inferswarm.load.transport.http import HttpTransport
from inferswarm.load.transport.native_recorder import NativeRecorder, available
from inferswarm.prompts import Prompt
from inferswarm.target import Endpoint, GrpcWire

pytestmark = pytest.mark.skipif(
    find_spec("grpc") is None, reason="needs gRPC's own library: pip install grpcio"
)
S = 1_000_000_000
# It refuses prompts that begin with `no`, and breaks after three tokens those that begin with `br`.
SERVER = r"""
import sys
from concurrent.futures import ThreadPoolExecutor
import grpc

def decode(request, context):
    if b"no" in request[:12]:
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full: 100% of ü")
    for number in range(5):
        if b"br" in request[:12] and number == 3:
            context.abort(grpc.StatusCode.INTERNAL, "broke")
        yield b"\x1a\x08\n\x06\n\x01x\x12\x01\x05"

handlers = {"Decode": grpc.unary_stream_rpc_method_handler(decode)}
server = grpc.server(ThreadPoolExecutor(4))
server.add_generic_rpc_handlers(
    [grpc.method_handlers_generic_handler("jetstream_proto.Orchestrator", handlers)]
)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where gRPC's server listens."""
    child = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        yield int(child.stdout.readline())
    finally:
        child.communicate(timeout=20)


@pytest.fixture(params=["gevent", "native"])
def transport(request: pytest.FixtureRequest, port: int) -> Iterator[HttpTransport]:
    """A transport to it."""
    if request.param == "native" and not available():
        pytest.skip("needs the C extension: a compiler when the package is installed, on Linux")
    recorder = NativeRecorder() if request.param == "native" else GeventRecorder()
    timeouts = Timeouts(5 * S, 10 * S, 10 * S, 20 * S)
    opened = HttpTransport(Endpoint("127.0.0.1", port, framing="http2"), timeouts, recorder)
    yield opened
    opened.close()


def ask(transport: HttpTransport, port: int, text: str) -> tuple[Answer, bool]:
    """(what the answer says, whether the connection had been used before)."""
    wire = GrpcWire("http", f"127.0.0.1:{port}", "")
    found: list[tuple[Answer, bool]] = []
    transport.exchange(
        wire.bytes_of(GRPC.request(Prompt(text), Wanted(max_output_tokens=300))),
        1,
        lambda one: found.append((GRPC.read(read_response(one.tape, closed=True), ""), one.reused)),
    )
    return found[0]


def test_its_server_is_understood(transport: HttpTransport, port: int) -> None:
    """Streams, refusals, broken streams and prompts beyond any window, on one connection."""
    for turn, (text, chunks, error) in enumerate(
        [
            ("yes", 5, ""),
            ("no", 0, "RESOURCE_EXHAUSTED: full: 100% of ü"),
            ("broken", 3, "INTERNAL: broke"),
            ("word " * 200_000, 5, ""),
            ("yes", 5, ""),
        ]
    ):
        answer, reused = ask(transport, port, text)
        assert (len(answer.chunk_ns), answer.error) == (chunks, error)
        assert answer.ended
        assert reused == (turn > 0)
