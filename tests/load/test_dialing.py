"""Opening connections: every address behind a name has its turn, and one that refuses is left out."""

import socket as plain_socket
from typing import Any

import pytest
from gevent import socket

from inferswarm.exchange import Outcome
from inferswarm.load.transport.dialing import Dialer, DialError
from inferswarm.load.transport.gevent_recorder import GeventRecorder
from inferswarm.target import Endpoint
from tests.load.servers import answering, plain, scripted

S = 1_000_000_000


def resolving_to(
    monkeypatch: pytest.MonkeyPatch, *hosts: str, looked_up: list[int] | None = None
) -> None:
    """Let the system's look-up of any name give these addresses."""

    def getaddrinfo(_: str, port: int, **__: Any) -> list[Any]:
        if looked_up is not None:
            looked_up.append(1)
        return [(plain_socket.AF_INET, plain_socket.SOCK_STREAM, 6, "", (h, port)) for h in hosts]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_an_address_that_refuses_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with one dead address connects every time, without trying it again and again."""
    resolving_to(monkeypatch, "127.0.0.9", "127.0.0.1")
    with scripted(answering(plain(b"1"))) as (port, _):
        dialer = Dialer(Endpoint("two.example", port), S, GeventRecorder())
        dialed = [dialer.dial() for _ in range(6)]
        for one in dialed:
            one.connection.close()

    assert {one.connection.address for one in dialed} == {f"127.0.0.1:{port}"}
    assert dialer._addresses == [(plain_socket.AF_INET, ("127.0.0.1", port))]


def test_connections_are_spread_over_the_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two live addresses of one name take turns, after one look-up."""
    looked_up: list[int] = []
    resolving_to(monkeypatch, "127.0.0.1", "127.0.0.2", looked_up=looked_up)
    with (
        plain_socket.create_server(("127.0.0.1", 0)) as one,
        plain_socket.create_server(("127.0.0.2", one.getsockname()[1])),
    ):
        dialer = Dialer(Endpoint("two.example", one.getsockname()[1]), S, GeventRecorder())
        hosts = []
        for _ in range(6):
            connection = dialer.dial().connection
            hosts.append(connection.address.split(":")[0])
            connection.close()

    assert sorted(hosts) == ["127.0.0.1"] * 3 + ["127.0.0.2"] * 3
    assert len(looked_up) == 1


def test_a_name_whose_addresses_all_refuse_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last refusal is the reason."""
    resolving_to(monkeypatch, "127.0.0.8", "127.0.0.9")
    with plain_socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        dialer = Dialer(Endpoint("two.example", holder.getsockname()[1]), S, GeventRecorder())
        with pytest.raises(DialError, match="refused") as failed:
            dialer.dial()

    assert failed.value.failure is Outcome.CONNECT
