"""Every route of every server over a socket: what the truth says is what was served."""

import json
from typing import Any

import pytest

from .conftest import Read, Start, connect, exchange, read_answer, request

PARAMETERS = {"inputs": "a b", "parameters": {"max_new_tokens": 6}}
TRITON = {"text_input": "a b", "max_tokens": 6}
ENSEMBLE = "/v2/models/ensemble/generate"
SGLANG = {"text": "a b", "sampling_params": {"max_new_tokens": 6}}
OWN = {"max_tokens": 6, "text_content": {"text": "a b"}}
QUERY = {"model": "tiny", "query": "a b", "extra_inputs": {"per_example_max_decode_steps": 6}}
PROMPT = {"prompt": "a b", "max_tokens": 6}
CHAT = {"messages": [{"role": "user", "content": "a b"}], "max_tokens": 6}
STREAM = {"stream": True}

STREAMED: list[tuple[str, str, dict[str, Any], int]] = [
    ("vllm", "/generate", PROMPT | STREAM, 0),
    ("vllm", "/v1/chat/completions", CHAT | STREAM, 2),
    ("tgi", "/generate_stream", PARAMETERS, 0),
    ("tgi", "/", PARAMETERS | STREAM, 0),
    ("tgi", "/v1/chat/completions", CHAT | STREAM, 1),
    ("tgi", "/v1/completions", PROMPT | STREAM, 1),
    ("tensorrt_llm_triton", f"{ENSEMBLE}_stream", TRITON | STREAM, 0),
    ("jetstream", "/v1/generate", OWN, 0),
    ("jetstream", "/generate", PROMPT | STREAM, 0),
    ("sglang", "/generate", SGLANG | STREAM, 1),
    ("sglang", "/v1/chat/completions", CHAT | STREAM, 3),
    ("sglang", "/v1/completions", PROMPT | STREAM, 1),
]
"""Backend, path, body, and how many HTTP chunks there are besides those of the six tokens."""

PLAIN: list[tuple[str, str, dict[str, Any]]] = [
    ("vllm", "/generate", PROMPT),
    ("tgi", "/generate", PARAMETERS),
    ("tgi", "/", PARAMETERS),
    ("tgi", "/v1/chat/completions", CHAT),
    ("tensorrt_llm_triton", ENSEMBLE, TRITON),
    ("tensorrt_llm_triton", f"{ENSEMBLE}_stream", TRITON),
    ("sax", "/generate", QUERY),
    ("sax", "/generate", {"model": "tiny"} | PROMPT),
    ("jetstream", "/generate", PROMPT),
    ("sglang", "/generate", SGLANG),
    ("sglang", "/v1/completions", PROMPT),
]


def _data(read: Read) -> Any:
    body = read.body.removeprefix(b"data:").strip()
    return json.loads(body)


@pytest.mark.parametrize(("backend", "path", "body", "besides"), STREAMED)
def test_streams(start: Start, backend: str, path: str, body: object, besides: int) -> None:
    """A chunk for each token, and the truth has its instant."""
    simulator = start(backend=backend)
    read = exchange(simulator, request(path, body))
    (row,) = simulator.truth()
    assert (read.status, read.complete) == (200, True)
    assert len(read.chunks) == 6 + besides
    assert (row.route, row.stream, row.outcome, row.status) == (path, True, "ok", 200)
    assert (row.output_tokens, row.prompt_tokens) == (6, 2)
    instants = [row.accepted_ns, row.started_ns, *row.token_ns, row.end_ns]
    assert instants == sorted(instants)


@pytest.mark.parametrize(("backend", "path", "body"), PLAIN)
def test_plain_answers(start: Start, backend: str, path: str, body: object) -> None:
    """One JSON document when the last token is due."""
    simulator = start(backend=backend)
    read = exchange(simulator, request(path, body))
    (row,) = simulator.truth()
    assert (read.status, read.complete) == (200, True)
    assert _data(read)
    assert (row.stream, row.outcome, row.output_tokens) == (False, "ok", 6)


@pytest.mark.parametrize(("backend", "path", "body", "besides"), STREAMED)
def test_streams_that_fail_in_the_middle(
    start: Start, backend: str, path: str, body: object, besides: int
) -> None:
    """Three tokens, then the server's own error, or a broken connection where it has none."""
    del besides
    simulator = start(backend=backend, stream_error_rate=1)
    read = exchange(simulator, request(path, body))
    (row,) = simulator.truth()
    assert (row.outcome, row.output_tokens, row.status) == ("stream_error", 3, 200)
    formless = backend == "jetstream" or (backend, path) == ("vllm", "/generate")
    assert read.complete is not formless
    assert (b'"error"' in read.body) is not formless


@pytest.mark.parametrize(("backend", "path", "body"), [*(row[:3] for row in STREAMED), *PLAIN])
def test_requests_that_fail_at_once(start: Start, backend: str, path: str, body: object) -> None:
    """An HTTP status that says so, but an event under HTTP 200 in TGI's streams."""
    simulator = start(backend=backend, error_rate=1)
    read = exchange(simulator, request(path, body))
    (row,) = simulator.truth()
    stream_of_tgi = (backend, row.stream) == ("tgi", True) and not path.startswith("/v1")
    assert read.complete
    assert read.status == row.status
    assert (read.status == 200) is stream_of_tgi
    assert row.outcome == ("stream_error" if stream_of_tgi else "http_error")
    assert row.token_ns == []


def test_a_connection_that_breaks(start: Start) -> None:
    """Hanging up is the same for every server."""
    simulator = start(backend="tensorrt_llm_triton", hangup_rate=1)
    read = exchange(simulator, request(f"{ENSEMBLE}_stream", TRITON | STREAM))
    (row,) = simulator.truth()
    assert (len(read.chunks), read.complete, row.outcome) == (3, False, "hangup")


def test_an_answer_that_never_comes(start: Start) -> None:
    """Where the head waits for the first token, a hang shows none at all."""
    simulator = start(backend="tensorrt_llm_triton", hang_rate=1)
    with connect(simulator) as connection:
        connection.sendall(request(f"{ENSEMBLE}_stream", TRITON | STREAM))
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    (row,) = simulator.truth()
    assert (row.outcome, row.status) == ("hang", 0)


def test_triton_fails_before_its_head_with_a_status(start: Start) -> None:
    """A failure in place of the first token decides the status, and comes as an event."""
    simulator = start(backend="tensorrt_llm_triton", stream_error_rate=1, tokens_per_chunk=6)
    read = exchange(simulator, request(f"{ENSEMBLE}_stream", TRITON | STREAM))
    assert (read.status, read.body[:15]) == (500, b'data: {"error":')
    assert [(row.outcome, row.status) for row in simulator.truth()] == [("http_error", 500)]


def test_triton_fails_with_a_good_status(start: Start) -> None:
    """In the middle of an answer that is not streamed."""
    simulator = start(backend="tensorrt_llm_triton", stream_error_rate=1)
    read = exchange(simulator, request(ENSEMBLE, TRITON))
    assert (read.status, list(json.loads(read.body))) == (200, ["error"])
    assert [(row.outcome, row.status) for row in simulator.truth()] == [("stream_error", 200)]


def test_the_queue_is_told_as_it_was(start: Start) -> None:
    """With one slot, the second request's queue time is the truth's."""
    simulator = start(backend="tgi", max_concurrency=1, ttft="60ms")
    sent = request("/generate", PARAMETERS)
    with connect(simulator) as first, connect(simulator) as second:
        first.sendall(sent)
        second.sendall(sent)
        told = [dict(read_answer(one).headers)["x-queue-time"] for one in (first, second)]
    waited_ms = [(row.started_ns - row.accepted_ns) // 1_000_000 for row in simulator.truth()]
    assert sorted(map(int, told)) == sorted(waited_ms)
    assert max(waited_ms) > 30
