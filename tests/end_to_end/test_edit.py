"""Facts about a load whose users are changed by hand while it goes on."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from inferswarm.remote import MasterClient, MasterSilentError
from tests.end_to_end.command import finish, records_of, started, summary_of, wait_for
from tests.servers import free_port

pytestmark = pytest.mark.slow


@contextmanager
def standing(web: str, *words: str | int | Path, **options: object) -> Iterator[MasterClient]:
    """A master with this web side, ready for runs; told to end afterwards."""
    more = ("--web", web, "--serve-metrics", "off", "--max-output-tokens", 16)
    with started("master", *words, *more, **options) as master:
        client = MasterClient(f"http://{web}")
        wait_for(lambda: _state(client) == "idle", 40)
        yield client
        master.terminate()
        master.communicate(timeout=60)


def posted(url: str, body: bytes, kind: str = "application/json") -> tuple[int, dict[str, Any]]:
    """What a route answers."""
    request = urllib.request.Request(url, body, {"Content-Type": kind})  # noqa: S310 - http
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def test_users_come_and_go_and_no_request_is_cut(tmp_path: Path) -> None:
    """From 2 to 8 and back to 3, by our route and by Locust's; the run's notes say when."""
    web = f"127.0.0.1:{free_port()}"
    with standing(web, "--workers", 2, "--runs", tmp_path / "runs") as client:
        load = {"users": 2, "duration": "12s"}
        run = str(client.start({"load": load})["id"])
        users = f"http://{web}/inferswarm/users"

        wait_for(lambda: client.live().get("in_flight") == 2, 10)
        assert posted(users, b'{"users": 8, "spawn_rate": "50/s"}')[0] == 202
        wait_for(lambda: client.live().get("in_flight") == 8, 10)
        form = urlencode({"user_count": 3, "spawn_rate": 50}).encode()
        swarm = posted(f"http://{web}/swarm", form, "application/x-www-form-urlencoded")
        assert swarm == (200, {"success": True, "message": "Users changed"})
        wait_for(lambda: client.live().get("users") == client.live().get("in_flight") == 3, 10)
        assert posted(users, b'{"users": 1}') == (
            422,
            {"error": "users: 1 are too few, each of the 2 workers needs one"},
        )
        assert posted(users, b"{}")[0] == 422
        assert posted(users, b"[" * 100_000)[0] == 422
        assert "spawn_rate" in posted(users, b'{"users": 4, "spawn_rate": 0}')[1]["error"]
        assert "users" in posted(users, b'{"users": -4}')[1]["error"]

        wait_for(lambda: "final" in client.run(run), 60)
        assert posted(users, b'{"users": 4}')[0] == 409
        folder = Path(client.run(run)["folder"])
    notes = json.loads((folder / "run.json").read_bytes())["notes"]
    told = [note.split(" s on")[0].split(" users from ")[0] for note in notes if "by hand" in note]
    assert told == ["8", "3"]
    assert {record.outcome for record in records_of(folder)} == {"ok"}
    assert summary_of(folder).verdict.valid, summary_of(folder).verdict.reasons


def test_a_worker_that_was_left_over_finds_a_user_when_there_are_more(tmp_path: Path) -> None:
    """It joins for the rest of the run, and every arrival is sent once."""
    web, where = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    words = ("--workers", 1, "--bind", where, "--runs", tmp_path / "runs")
    environment = {**os.environ, "INFERSWARM_TOKEN": "a-token-for-this-test"}
    with ExitStack() as stack:
        client = stack.enter_context(standing(web, *words, env=environment))
        run = str(client.start({"load": {"users": 1, "requests": 200}})["id"])
        join = ["worker", "--master", where, "--once"]
        late = stack.enter_context(started(*join, env=environment))
        wait_for(lambda: client.state()["workers"] == 1, 30)
        assert client.live()["workers"] == 1
        assert posted(f"http://{web}/inferswarm/users", b'{"users": 4}')[0] == 202
        wait_for(lambda: client.live().get("workers") == 2, 10)

        wait_for(lambda: "final" in client.run(run), 60)
        folder = Path(client.run(run)["folder"])
        assert finish(late).code == 0
    records = records_of(folder)
    assert [record.k for record in records] == list(range(200))
    assert {record.worker for record in records} == {0, 1}


def test_an_open_loop_has_no_users_to_change(tmp_path: Path) -> None:
    """Its schedule is what was asked for."""
    web = f"127.0.0.1:{free_port()}"
    with standing(web, "--workers", 1, "--runs", tmp_path / "runs") as client:
        client.start({"arrivals": {"rate": "20/s"}, "load": {"duration": "20s"}})
        status, told = posted(f"http://{web}/inferswarm/users", b'{"users": 8}')
    assert status == 422
    assert "open loop" in told["error"]


def _state(client: MasterClient) -> str:
    try:
        return str(client.state()["state"])
    except MasterSilentError:  # it does not listen yet
        return ""
