"""What clients receive is what the truth says: pace, queue, failures."""

import json

import pytest

from .conftest import Start, completion, connect, exchange, read_answer, request

# Answered at once: whatever was sent before it has been read when its answer is there.
_UNSERVED = request("/nope", {})
_STREAM = {"stream": True, "stream_options": {"include_usage": True}}


def _texts(chunks: list[bytes]) -> list[str]:
    events = [chunk.removeprefix(b"data: ") for chunk in chunks if chunk != b"data: [DONE]\n\n"]
    choices = [json.loads(event).get("choices") for event in events]
    return [choice[0]["text"] for choice in choices if choice]


def test_stream_counts_equal_truth(start: Start) -> None:
    """A stream has one HTTP chunk per token, then usage, then the end mark; the truth agrees."""
    simulator = start()
    read = exchange(simulator, completion(**_STREAM))
    (row,) = simulator.truth()
    texts = _texts(read.chunks)
    assert read.complete
    assert len(read.chunks) == 8
    assert read.chunks[-1] == b"data: [DONE]\n\n"
    assert len("".join(texts).split()) == len(texts) == row.output_tokens == 6
    usage = json.loads(read.chunks[-2].removeprefix(b"data: "))["usage"]
    assert usage == {"prompt_tokens": 3, "total_tokens": 9, "completion_tokens": 6}
    assert (row.outcome, row.status, row.prompt_tokens, row.stream) == ("ok", 200, 3, True)
    assert (row.route, row.model, row.request) == ("/v1/completions", "tiny", 0)


def test_instants_are_in_order(start: Start) -> None:
    """Head, tokens and end follow the start of service, and no token comes before it is due."""
    simulator = start(ttft="30ms", itl="10ms")
    exchange(simulator, completion(stream=True))
    (row,) = simulator.truth()
    instants = [row.accepted_ns, row.started_ns, row.head_ns, *row.token_ns, row.end_ns]
    assert instants == sorted(instants)
    for index, written_ns in enumerate(row.token_ns):
        assert written_ns - row.started_ns >= (30 + 10 * index) * 1_000_000


def test_plain_answer(start: Start) -> None:
    """An answer that is not streamed comes at once, after the last token is due."""
    simulator = start(output_tokens=4)
    read = exchange(simulator, completion())
    (row,) = simulator.truth()
    body = json.loads(read.body)
    assert len(body["choices"][0]["text"].split()) == body["usage"]["completion_tokens"] == 4
    assert body["choices"][0]["finish_reason"] == "stop"
    assert row.token_ns == [row.head_ns] * 4
    assert row.head_ns - row.started_ns >= 8_000_000


def test_tokens_per_chunk(start: Start) -> None:
    """Several tokens share a chunk; the last chunk has what is left."""
    simulator = start(tokens_per_chunk=4)
    read = exchange(simulator, completion(stream=True))
    (row,) = simulator.truth()
    assert [len(text.split()) for text in _texts(read.chunks)] == [4, 2]
    assert len(row.token_ns) == 6
    assert len(set(row.token_ns)) == 2


@pytest.mark.parametrize("stream", [True, False])
def test_http_error(start: Start, *, stream: bool) -> None:
    """error_rate answers HTTP 500 with an error object at the start of service."""
    simulator = start(error_rate=1)
    read = exchange(simulator, completion(stream=stream))
    (row,) = simulator.truth()
    error = {"message": "Internal server error", "type": "InternalServerError"}
    assert json.loads(read.body) == {"error": error | {"param": None, "code": 500}}
    assert (read.status, row.status, row.outcome, row.token_ns) == (500, 500, "http_error", [])


def test_stream_error(start: Start) -> None:
    """stream_error_rate ends a stream in the middle with an error event, properly chunked."""
    simulator = start(stream_error_rate=1)
    read = exchange(simulator, completion(**_STREAM))
    (row,) = simulator.truth()
    assert read.complete
    assert read.status == 200
    assert json.loads(read.chunks[-2].removeprefix(b"data: "))["error"]["code"] == 500
    assert read.chunks[-2].startswith(b'data: {"error": {"message": ')
    assert read.chunks[-1] == b"data: [DONE]\n\n"
    assert (row.outcome, row.output_tokens, len(read.chunks)) == ("stream_error", 3, 5)


def test_stream_error_of_a_plain_answer(start: Start) -> None:
    """A request that is not streamed gets HTTP 500 instead."""
    simulator = start(stream_error_rate=1)
    read = exchange(simulator, completion())
    (row,) = simulator.truth()
    assert (read.status, row.outcome, row.status, row.output_tokens) == (500, "http_error", 500, 0)


def test_hangup(start: Start) -> None:
    """hangup_rate closes the connection in the middle, without the final chunk."""
    simulator = start(hangup_rate=1)
    read = exchange(simulator, completion(stream=True))
    (row,) = simulator.truth()
    assert not read.complete
    assert len(read.chunks) == row.output_tokens == 3
    assert (row.outcome, row.status) == ("hangup", 200)


def test_hangup_of_a_plain_answer(start: Start) -> None:
    """A request that is not streamed gets no byte before the connection is closed."""
    simulator = start(hangup_rate=1)
    with connect(simulator) as connection:
        connection.sendall(completion())
        assert connection.recv(1) == b""
    (row,) = simulator.truth()
    assert (row.outcome, row.status, row.token_ns) == ("hangup", 0, [])


def test_hang(start: Start) -> None:
    """hang_rate never answers and keeps its slot until the client goes away."""
    simulator = start(hang_rate=1, max_concurrency=1)
    with connect(simulator) as connection:
        connection.sendall(completion(stream=True))
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    (row,) = simulator.truth()
    assert (row.outcome, row.status, row.head_ns, row.token_ns) == ("hang", 0, 0, [])
    assert row.started_ns


def test_queue(start: Start) -> None:
    """At most max_concurrency requests are served at once, in order of arrival."""
    simulator = start(max_concurrency=2, itl="5ms")
    connections = [connect(simulator) for _ in range(6)]
    for connection in connections:
        connection.sendall(completion(stream=True))
    for connection in connections:
        assert read_answer(connection).complete
        connection.close()
    rows = sorted(simulator.truth(), key=lambda row: row.accepted_ns)
    started = [row.started_ns for row in rows]
    assert started == sorted(started)
    for row in rows:
        assert sum(o.started_ns <= row.started_ns < o.end_ns for o in rows) <= 2
    assert rows[5].started_ns >= min(row.end_ns for row in rows[:4]) > rows[5].accepted_ns


def test_client_gone_frees_its_slot(start: Start) -> None:
    """A client that goes away ends its request, and the next one is served."""
    simulator = start(max_concurrency=1)
    with connect(simulator) as connection:
        connection.sendall(completion(stream=True, max_tokens=100_000))
        assert connection.recv(100)
    assert exchange(simulator, completion(stream=True)).complete
    gone, served = simulator.truth()
    assert (gone.outcome, served.outcome) == ("client_gone", "ok")
    assert gone.output_tokens < 100_000


def test_client_gone_from_the_queue(start: Start) -> None:
    """A client that leaves the queue is logged as never started."""
    simulator = start(max_concurrency=1, hang_rate=1)
    with connect(simulator) as first:
        first.sendall(completion())
        exchange(simulator, _UNSERVED)
        with connect(simulator) as second:
            second.sendall(completion())
            exchange(simulator, _UNSERVED)
        exchange(simulator, _UNSERVED)
    rows = [row for row in simulator.truth() if row.outcome != "rejected"]
    assert [row.outcome for row in rows] == ["client_gone", "hang"]
    assert rows[0].started_ns == 0 < rows[1].started_ns
