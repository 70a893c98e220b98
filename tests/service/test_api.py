"""Facts about the routes of the service; its master is not there, so that runs stay queued."""

import concurrent.futures
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferswarm.service.access import Gate, Tokens
from inferswarm.service.states import State
from inferswarm.service.usual import Usual
from tests.service.serving import Served, service

RUNNER = "runner-token-0123456789"
UNKNOWN = "20260101-000000-abcd"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """On loopback, without tokens."""
    with service(tmp_path, usual=Usual(60, 7, 2.5)) as one:
        yield one


def test_the_old_call_queues_a_run_of_the_usual_size(served: Served) -> None:
    """It answers at once, with the old words and where to look."""
    told = served.ask("GET", "/run").json
    assert told["message"] == "Swarming started"
    run = served.ask("GET", told["url"]).json
    assert run["id"] == told["id"]
    assert run["config"] == {"load": {"users": 7, "duration": "60s", "spawn_rate": "2.5/s"}}
    assert run["state"] == "queued"


def test_the_old_call_takes_its_old_words(served: Served) -> None:
    """Duration, users, rate, and a namespace that means nothing any more."""
    told = served.ask("GET", "/run?duration=30&users=4&rate=2&namespace=default").json
    load = served.ask("GET", told["url"]).json["config"]["load"]
    assert load == {"users": 4, "duration": "30s", "spawn_rate": "2/s"}


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"config": {"load": {"users": 0}}}, "load.users", "at least 1"),
        ({"config": {"load": {"user": 3}}}, "load.user", "did you mean"),
        ({"config": {"arrivals": {"rate": "fast"}}}, "arrivals.rate", "fast"),
        ({"config": {"goals": {"slo": ["ttft.p95<fast"]}}}, None, "ttft.p95<fast"),
        ({"config": {"output": {"out": "/etc"}}}, "output.out", "whoever runs this service"),
        ({"config": {"simulator": {"api_key": "s"}}}, "simulator.api_key", "runs this service"),
        ({"config": {"prompts": {"source": "/etc/passwd"}}}, "prompts.source", "from a bucket"),
        ({"config": []}, "config", "dictionary"),
        ({"conf": {}}, "conf", "not permitted"),
        ({"priority": 1_000}, "priority", "100"),
        ({"limit_s": -1}, "limit_s", "greater than 0"),
        ({"key": "a b"}, "key", "pattern"),
        (b"{", None, "JSON"),
        (b"\xff\xfe", None, ""),
    ],
)
def test_what_is_wrong_is_named(served: Served, body: Any, field: str | None, words: str) -> None:
    """Nothing is queued, and the answer says which field and why."""
    answer = served.ask("POST", "/runs", body)
    assert answer.status in (400, 422)
    assert words in answer.json["error"]
    if field is not None:
        assert answer.json["field"] == field
    assert served.ask("GET", "/runs").json["total"] == 0


def test_a_run_is_queued_with_all_that_was_said(served: Served) -> None:
    """And found where the answer says."""
    config = {"load": {"users": 3}, "target": {"model": "m"}}
    asked = {"config": config, "priority": 7, "limit_s": 90, "key": "k-1"}
    answer = served.ask("POST", "/runs", asked)
    assert answer.status == 201
    told = served.ask("GET", answer.headers["location"]).json
    assert [told[name] for name in ("config", "priority", "limit_s", "key")] == [
        config,
        7,
        90.0,
        "k-1",
    ]


def test_what_a_run_names_as_secret_is_told_to_nobody(served: Served) -> None:
    """Neither to programs nor on the page; the server that it asks will get it."""
    body = {"lora": "x", "api_key": "hunter2"}
    answer = served.ask("POST", "/runs", {"config": {"request": {"extra_body": body}}})
    url = answer.headers["location"]
    told = served.ask("GET", url)
    assert told.json["config"] == {"request": {"extra_body": {"lora": "x", "api_key": "***"}}}
    for page in (answer, told, served.ask("GET", "/runs"), served.ask("GET", f"/page{url}")):
        assert b"lora" in page.body
        assert b"hunter2" not in page.body
    kept = served.registry.get(told.json["id"])
    assert kept is not None
    assert kept.config["request"]["extra_body"] == body


def test_asked_again_with_its_key_it_is_the_same_run(served: Served) -> None:
    """By many at the same moment, in the body or in the header."""

    def ask(number: int) -> str:
        if number % 2:
            return str(served.ask("POST", "/runs", {"key": "k"}).json["id"])
        return str(served.ask("POST", "/runs", {}, Idempotency_Key="k").json["id"])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1
    assert served.ask("GET", "/runs").json["total"] == 1


def test_a_queued_run_is_cancelled_and_then_forgotten(served: Served) -> None:
    """In this order only."""
    url = served.ask("GET", "/run").json["url"]
    assert served.ask("DELETE", url).status == 409
    assert served.ask("POST", f"{url}/stop").json["state"] == "cancelled"
    assert served.ask("POST", f"{url}/stop").status == 409
    assert served.ask("DELETE", url).status == 204
    assert served.ask("GET", url).status == 404


def test_runs_come_in_pages(served: Served) -> None:
    """Newest first, of one state if wanted."""
    ids = [served.ask("GET", "/run").json["id"] for _ in range(3)]
    page = served.ask("GET", "/runs?limit=2&offset=1").json
    assert (page["total"], [run["id"] for run in page["runs"]]) == (3, ids[1::-1])
    assert served.ask("GET", "/runs?state=done").json["total"] == 0
    assert served.ask("GET", "/runs?limit=0").status == 422


@pytest.mark.parametrize("path", ["", "/report", "/summary", "/records", "/events"])
def test_a_run_that_is_not_known_is_not_found(served: Served, path: str) -> None:
    """Whatever is asked of it; and a name that is none is refused by its form."""
    assert served.ask("GET", f"/runs/{UNKNOWN}{path}").status == 404
    assert served.ask("GET", f"/runs/..%2Fx{path}").status in (404, 422)


def test_results_that_are_not_there_yet_are_told_so(served: Served) -> None:
    """With the state of the run."""
    url = served.ask("GET", "/run").json["url"]
    answer = served.ask("GET", f"{url}/report")
    assert (answer.status, "is queued and has no report.html" in answer.json["error"]) == (
        404,
        True,
    )


def test_events_end_with_the_run(served: Served) -> None:
    """The first comes at once, the last says that it is over."""
    url = served.ask("GET", "/run").json["url"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        events = pool.submit(served.ask, "GET", f"{url}/events")
        served.ask("POST", f"{url}/stop")
        body = events.result(20).body.decode()
    assert body.startswith("event: run\ndata: {")
    assert '"state":"cancelled"' in body.split("event: run")[-1]


def test_the_service_says_how_it_is(served: Served) -> None:
    """It lives without its master, but is not ready."""
    assert served.ask("GET", "/healthz").json == {"status": "ok", "master": "silent"}
    assert served.ask("GET", "/readyz").status == 503
    served.ask("GET", "/run")
    metrics = served.ask("GET", "/metrics").body.decode()
    assert 'inferswarm_runs{state="queued"} 1\n' in metrics
    assert "inferswarm_master_up 0\n" in metrics
    assert all(f'state="{state}"' in metrics for state in State)


def test_a_large_body_is_refused(served: Served) -> None:
    """Before it is read to its end."""
    answer = served.ask("POST", "/runs", b'{"config": {"x": "' + b"y" * 1_100_000 + b'"}}')
    assert answer.status == 413


def test_who_asks_too_often_waits(served: Served) -> None:
    """Starting is for people and pipelines, not for floods."""
    answers = [served.ask("POST", "/runs", {"priority": 999}) for _ in range(60)]
    late = [answer for answer in answers if answer.status == 429]
    assert late
    assert int(late[0].headers["retry-after"]) >= 1


def test_beyond_loopback_every_route_wants_a_token(tmp_path: Path) -> None:
    """Health checks aside; also the old call."""
    gate = Gate("0.0.0.0", Tokens.read(None, {"INFERSWARM_RUN_TOKEN": RUNNER}))
    with service(tmp_path, gate=gate) as served:
        for path in ("/run", "/runs", f"/runs/{UNKNOWN}", "/metrics"):
            answer = served.ask("GET", path)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert served.ask("GET", "/healthz").status == 200
        assert served.ask("GET", "/run", Authorization=f"Bearer {RUNNER}").status == 200
        assert RUNNER.encode() not in (tmp_path / "service.db").read_bytes()


def test_no_page_of_another_site_gets_in(served: Served) -> None:
    """Not by its own name for us, not by its script, not by an image that points here."""
    for headers in (
        {"Host": "rebound.example"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        answer = served.ask("GET", "/run", **headers)
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers
    assert served.ask("GET", "/runs").json["total"] == 0


@pytest.mark.parametrize(
    "config",
    [
        b'{"target": {"url": "http://["}}',
        b'{"target": {"model": "\\ud800"}}',
        b'{"request": {"extra_body": {"a": ' + b"[" * 300 + b"]" * 300 + b"}}}",
    ],
)
def test_what_nobody_could_read_back_is_not_queued(served: Served, config: bytes) -> None:
    """Odd values are refused in words, and the list of runs stays whole."""
    answer = served.ask("POST", "/runs", b'{"config": ' + config + b"}")
    assert answer.status == 422
    assert answer.json["error"]
    assert served.ask("GET", "/runs").json["total"] == 0
