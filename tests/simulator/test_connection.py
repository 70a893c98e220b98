"""HTTP/1.1 as clients really speak it."""

import time

import pytest

from .conftest import Start, completion, connect, exchange, read_answer, request

_HEAD = [
    ("server", "uvicorn"),
    ("content-type", "text/event-stream; charset=utf-8"),
    ("vary", "Origin"),
    ("transfer-encoding", "chunked"),
]


def test_keep_alive(start: Start) -> None:
    """One connection carries many requests, streamed or not."""
    simulator = start()
    with connect(simulator) as connection:
        for stream in (True, False, True):
            connection.sendall(completion(stream=stream))
            assert read_answer(connection).complete
    assert [row.outcome for row in simulator.truth()] == ["ok"] * 3


def test_stream_head(start: Start) -> None:
    """The head of a stream is that of uvicorn, date first."""
    read = exchange(start(), completion(stream=True))
    assert read.headers[0][0] == "date"
    assert read.headers[1:] == _HEAD


def test_pipelined_requests(start: Start) -> None:
    """Requests that arrive together are answered one after the other, in order."""
    simulator = start()
    lengths = [2, 5, 3]
    with connect(simulator) as connection:
        connection.sendall(b"".join(completion(stream=True, max_tokens=n) for n in lengths))
        reads = [read_answer(connection) for _ in lengths]
    assert [len(read.chunks) for read in reads] == [n + 1 for n in lengths]
    rows = simulator.truth()
    assert [row.output_tokens for row in rows] == lengths
    assert rows[1].started_ns >= rows[0].end_ns


def test_body_in_pieces(start: Start) -> None:
    """A request may arrive byte by byte, and counts as accepted when it is complete."""
    simulator = start()
    with connect(simulator) as connection:
        before_ns = time.time_ns()
        for byte in completion(stream=True):
            connection.sendall(bytes([byte]))
        assert len(read_answer(connection).chunks) == 7
    (row,) = simulator.truth()
    assert row.accepted_ns > before_ns - 50_000_000


@pytest.mark.parametrize(("header", "version"), [("Connection: close", "1.1"), ("X: y", "1.0")])
def test_connection_close(start: Start, header: str, version: str) -> None:
    """The connection is closed after the answer when the client says so, or speaks HTTP/1.0."""
    body = {"prompt": "a", "max_tokens": 2, "stream": True}
    with connect(start()) as connection:
        connection.sendall(request("/v1/completions", body, header, version=version))
        read = read_answer(connection)
        assert connection.recv(1) == b""
    assert read.complete
    assert ("connection", "close") in read.headers


def test_not_http(start: Start) -> None:
    """Bytes that are not HTTP get a 400 and the connection is closed."""
    with connect(start()) as connection:
        connection.sendall(b"GARBAGE\r\n\r\n")
        read = read_answer(connection)
        assert connection.recv(1) == b""
    assert (read.status, read.body) == (400, b"Invalid HTTP request received.")


def test_not_http_after_a_request(start: Start) -> None:
    """A running stream is finished before what follows it is refused."""
    with connect(start()) as connection:
        connection.sendall(completion(stream=True) + b"GARBAGE\r\n\r\n")
        assert len(read_answer(connection).chunks) == 7
        assert read_answer(connection).status == 400


def test_expect_continue(start: Start) -> None:
    """A client that waits for permission to send its body gets it."""
    sent = request("/v1/completions", {"prompt": "a"}, "Expect: 100-continue")
    head, body = sent[: sent.index(b"\r\n\r\n") + 4], sent[sent.index(b"\r\n\r\n") + 4 :]
    with connect(start()) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert read_answer(connection).status == 200


def test_pipelined_request_of_a_client_that_goes(start: Start) -> None:
    """Every request that was read has a row, also when its turn never came."""
    simulator = start(hang_rate=1)
    with connect(simulator) as connection:
        connection.sendall(completion() + completion())
        exchange(simulator, request("/nope", {}))
    rows = [row for row in simulator.truth() if row.route == "/v1/completions"]
    assert sorted(row.outcome for row in rows) == ["client_gone", "hang"]
