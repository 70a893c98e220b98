"""Facts about the doctor's own client, against real sockets on 127.0.0.1."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from inferswarm.adapters import HttpRequest
from inferswarm.config.target import TargetOptions
from inferswarm.doctor.client import Client
from inferswarm.doctor.seen import response_of
from inferswarm.errors import InputError
from inferswarm.exchange import Outcome
from tests.builders import plain_answer
from tests.servers import answering, free_port

ASK = HttpRequest("GET", "/x")
ANSWER = plain_answer(b"{}")


def client(port: int, limit_s: float = 5.0, **options: object) -> Client:
    """A client of a server on this port."""
    given = {"url": f"127.0.0.1:{port}", "api_key_env": "", **options}
    return Client(TargetOptions.model_validate(given), 5.0, limit_s)


@contextlib.contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose every connection is handed to `talk` in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads: list[threading.Thread] = []

        def one(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                talk(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threads.append(threading.Thread(target=one, args=(connection,)))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(10)
            for thread in threads:
                thread.join(10)


def test_a_connection_that_is_promised_is_used_again() -> None:
    """The second request needs none of its own, and says so."""

    def talk(connection: socket.socket) -> None:
        while connection.recv(9999):
            connection.sendall(ANSWER)

    with serving(talk) as port, client(port) as ours:
        first, second = ours.ask(ASK, 5), ours.ask(ASK, 5)

    assert (first.reused, second.reused) == (False, True)
    assert first.connect_ns is not None
    assert second.connect_ns is None
    assert response_of(second).body == b"{}"


def test_a_kept_connection_that_is_closed_is_replaced_once() -> None:
    """The exchange counts it, so that a broken promise can be told."""

    def talk(connection: socket.socket) -> None:
        connection.recv(9999)
        connection.sendall(ANSWER)

    with serving(talk) as port, client(port) as ours:
        first, second = ours.ask(ASK, 5), ours.ask(ASK, 5)

    assert (first.retries, second.retries, second.failure) == (0, 1, None)


def test_every_read_has_its_time() -> None:
    """Two writes far enough apart are two reads, in order, after the sending."""

    def talk(connection: socket.socket) -> None:
        connection.recv(9999)
        connection.sendall(ANSWER[:-2])
        time.sleep(0.1)
        connection.sendall(ANSWER[-2:])

    with serving(talk) as port, client(port) as ours:
        exchange = ours.ask(ASK, 5)

    assert len(exchange.tape.ends) == 2
    assert exchange.sent_ns < exchange.tape.arrived_ns[0] < exchange.tape.arrived_ns[1]
    assert exchange.tape.arrived_ns[1] <= exchange.end_ns


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (b"", Outcome.TIMEOUT_FIRST_BYTE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", Outcome.TIMEOUT_TOTAL),
    ],
)
def test_silence_ends_at_the_limit(said: bytes, failure: Outcome) -> None:
    """Before the first byte and after it."""

    def talk(connection: socket.socket) -> None:
        connection.recv(9999)
        connection.sendall(said)
        connection.recv(9999)

    with serving(talk) as port, client(port) as ours:
        exchange = ours.ask(ASK, 0.2)

    assert exchange.failure is failure
    assert exchange.end_ns - exchange.sent_ns < 3_000_000_000


def test_a_trickle_ends_at_the_limit_in_all() -> None:
    """Bytes that keep coming give no more time."""

    def talk(connection: socket.socket) -> None:
        connection.recv(9999)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    with serving(talk) as port, client(port, limit_s=0.3) as ours:
        exchange = ours.ask(ASK, 60)
        left_s = ours.left_s

    assert exchange.failure is Outcome.TIMEOUT_TOTAL
    assert left_s == 0


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (ANSWER, None),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", None),
        (ANSWER[:-1], Outcome.TRUNCATED),
        (b"", Outcome.TRUNCATED),
    ],
)
def test_an_end_of_the_connection_is_judged(answer: bytes, failure: Outcome | None) -> None:
    """It is proper only for an answer that declares no end of its own."""
    with answering(answer) as server, client(server.port) as ours:
        assert ours.ask(ASK, 5).failure is failure


def test_a_port_where_nobody_listens_is_an_exchange_too() -> None:
    """Nothing raises; the line says why and what to do."""
    with client(free_port()) as ours:
        exchange = ours.ask(ASK, 5)

    assert (exchange.failure, exchange.sent_ns) == (Outcome.CONNECT, 0)
    assert "is the server up" in exchange.detail


def test_a_call_to_a_server_of_http1_fails_in_words() -> None:
    """What is not HTTP/2 is told."""

    def talk(connection: socket.socket) -> None:
        connection.recv(9999)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(9999)

    with serving(talk) as port, client(port) as ours:
        exchange = ours.ask(HttpRequest("POST", "/c", b""), 5, "http2")

    assert exchange.failure is Outcome.TRUNCATED
    assert "HTTP/1" in exchange.detail


def test_what_cannot_be_used_is_refused_before_any_connection() -> None:
    """A certificate that is none is a wrong input."""
    with pytest.raises(InputError, match="ca_file"):
        client(1, url="https://127.0.0.1", ca_file="/nowhere/ca.pem")
