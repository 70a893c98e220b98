"""gRPC's own library on the other side: its client asks the simulator.

Its server is asked by our client in `tests/load/test_grpc_peer.py`.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from inferswarm.adapters import Wanted
from inferswarm.adapters.jetstream import DECODE_PATH, GRPC
from inferswarm.framing.grpc import PREFIX_BYTES
from inferswarm.framing.protobuf import number_field
from inferswarm.prompts import Prompt
from inferswarm.simulator.grpc_jetstream import HEALTH_PATH

from .conftest import Start

grpc: Any = pytest.importorskip("grpc", reason="needs gRPC's own library: pip install grpcio")


def wanted(tokens: int, text: str = "one two") -> bytes:
    """A DecodeRequest."""
    request = GRPC.request(Prompt(text), Wanted(max_output_tokens=tokens))
    return request.body[PREFIX_BYTES:]


@pytest.fixture
def channel(start: Start) -> Iterator[Any]:
    """A channel to a simulated JetStream."""
    with grpc.insecure_channel(f"127.0.0.1:{start(backend='jetstream').port}") as opened:
        yield opened


def test_its_client_is_served(channel: Any) -> None:
    """Health, calls one after the other and at once, prompts beyond any window, refusals."""
    decode = channel.unary_stream(DECODE_PATH)

    assert channel.unary_unary(HEALTH_PATH)(b"") == number_field(1, 1)
    assert len(list(decode(wanted(6)))) == 6
    assert [len(list(one)) for one in [decode(wanted(tokens)) for tokens in (1, 2, 3)]] == [1, 2, 3]
    assert len(list(decode(wanted(2, "word " * 100_000)))) == 2
    with pytest.raises(grpc.RpcError) as refused:
        list(decode(wanted(0)))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(list(decode(wanted(4)))) == 4


def test_its_client_may_cancel(channel: Any) -> None:
    """The connection goes on."""
    decode = channel.unary_stream(DECODE_PATH)
    call = decode(wanted(100_000))
    next(iter(call))
    call.cancel()

    assert len(list(decode(wanted(3)))) == 3
