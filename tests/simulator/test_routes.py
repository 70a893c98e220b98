"""Routes, their methods and the bearer token."""

import json
from typing import get_args

import pytest

from inferswarm.config.simulator import Backend, SimulatorOptions
from inferswarm.simulator.generation import Generation, Reply, Request
from inferswarm.simulator.routes import TABLES, Routes

from .conftest import Start, connect, exchange, read_answer, request


def _status(method: str, path: str, options: SimulatorOptions, **headers: str) -> int:
    resolved = Routes(options).resolve(Request(method, path, headers, b"", True, 0))
    assert isinstance(resolved, Reply)
    return resolved.status


def test_models(start: Start) -> None:
    """The served model is listed, and reading the list leaves no row."""
    simulator = start(model="mine")
    read = exchange(simulator, b"GET /v1/models?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    card = json.loads(read.body)["data"][0]
    assert list(card) == [
        "id", "object", "created", "owned_by", "root", "parent", "max_model_len", "permission",
    ]  # fmt: skip
    assert card["id"] == "mine"
    assert simulator.truth() == []


def test_health(start: Start) -> None:
    """Health is 200 without a body and without a token."""
    read = exchange(start(api_key="secret"), b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (read.status, read.body) == (200, b"")
    assert read.headers[1:] == [("server", "uvicorn"), ("content-length", "0"), ("vary", "Origin")]


def test_unknown_route(start: Start) -> None:
    """An unknown route is FastAPI's 404, and a POST to it is logged."""
    simulator = start()
    read = exchange(simulator, request("/nope", {}))
    (row,) = simulator.truth()
    assert (read.status, read.body) == (404, b'{"detail":"Not Found"}')
    assert (row.outcome, row.status, row.route) == ("rejected", 404, "/nope")


def test_wrong_method() -> None:
    """A known route asked with another method is a 405 that names the right one."""
    options = SimulatorOptions()
    assert _status("GET", "/v1/completions", options) == 405
    assert _status("POST", "/health", options) == 405
    resolved = Routes(options).resolve(Request("GET", "/v1/completions", {}, b"", True, 0))
    assert isinstance(resolved, Reply)
    assert resolved.headers[0] == ("allow", "POST")


def test_head_has_no_body(start: Start) -> None:
    """An answer to HEAD ends with its head, so that the next answer is read rightly."""
    with connect(start()) as connection:
        connection.sendall(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connection.recv(1)
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(connection).status == 200
    assert answer.startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize("token", ["", "Bearer wrong", "Basic secret", "secret", "Bearer"])
def test_wrong_token(token: str) -> None:
    """A wrong or absent token is 401 with a string for an error."""
    options = SimulatorOptions.model_validate({"api_key": "secret"})
    sent = {"content-type": "application/json"} | ({"authorization": token} if token else {})
    resolved = Routes(options).resolve(Request("POST", "/v1/completions", sent, b"{}", True, 0))
    assert isinstance(resolved, Reply)
    assert (resolved.status, resolved.body) == (401, b'{"error":"Unauthorized"}')


def test_token_through_the_child(start: Start) -> None:
    """The key reaches the child process: its token is served, any other is rejected and logged."""
    simulator = start(api_key="secret")
    body = {"prompt": "a", "max_tokens": 1}
    for token, status in (("secret", 200), ("other", 401)):
        sent = request("/v1/completions", body, f"Authorization: Bearer {token}")
        assert exchange(simulator, sent).status == status
    assert [(row.outcome, row.status) for row in simulator.truth()] == [
        ("ok", 200),
        ("rejected", 401),
    ]


def test_right_token() -> None:
    """The right token is accepted, whatever the case of the scheme."""
    options = SimulatorOptions.model_validate({"api_key": "secret"})
    sent = {"content-type": "application/json", "authorization": "bearer secret"}
    asked = Routes(options).resolve(
        Request("POST", "/v1/completions", sent, b'{"prompt":"a"}', True, 0)
    )
    assert isinstance(asked, Generation)


def test_every_backend_has_its_table() -> None:
    """The names for simulator.backend are those of the tables."""
    assert tuple(TABLES) == get_args(Backend)


@pytest.mark.parametrize("backend", TABLES)
def test_every_backend_has_its_own_errors(backend: str) -> None:
    """Unknown paths, wrong methods and wrong keys are refused by every server."""
    options = SimulatorOptions.model_validate({"backend": backend, "api_key": "secret"})
    right = {"authorization": "Bearer secret"}
    generating = next(iter(Routes(options).generating))
    assert _status("POST", generating, options) == 401
    assert _status("POST", "/nope", options, **right) == 404
    assert _status("PUT", generating, options, **right) == 405


@pytest.mark.parametrize("backend", TABLES)
def test_plain_routes_answer(backend: str) -> None:
    """Every plain route of every server is a 200, JSON where it has a body."""
    options = SimulatorOptions.model_validate({"backend": backend})
    for route in TABLES[backend].plain:
        method, _, path = route.replace("{model}", "ensemble").partition(" ")
        reply = Routes(options).resolve(Request(method, path, {}, b"", True, 0))
        assert isinstance(reply, Reply)
        assert reply.status == 200, route
        assert reply.body == b"" or json.loads(reply.body), route


def test_the_generate_of_each_server_is_its_own() -> None:
    """Several servers have the same path; only vLLM among OpenAI's has it too."""
    own = {
        backend: Routes(SimulatorOptions.model_validate({"backend": backend})).generating
        for backend in TABLES
    }
    formats = [paths["/generate"] for paths in own.values() if "/generate" in paths]
    assert len({id(one) for one in formats}) == len(formats) == 5
    assert "/generate" not in own["openai"]
