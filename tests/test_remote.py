"""Facts about talking to a standing master: a real one, whose driving process the test is."""

import http.cookiejar
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferswarm.config.tree import RunConfig
from inferswarm.remote import MasterClient, MasterRefusedError, MasterSilentError
from inferswarm.runs import MasterProcess

TOKEN = "a-token-of-the-test-0123456789"


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MasterProcess]:
    """A standing master that listens on loopback and asks for a token."""
    log = tmp_path_factory.mktemp("master") / "log"
    with MasterProcess("", TOKEN, log, {"where": "127.0.0.1:0", "token": TOKEN}) as process:
        until(process, "listening")
        yield process


def until(master: MasterProcess, event: str) -> dict[str, Any]:
    """The next event of this kind."""
    for _ in range(60):
        said = master.event(1)
        if said["event"] == event:
            return said
    raise AssertionError(f"no {event}")


def client(master: MasterProcess, token: str = TOKEN) -> MasterClient:
    """Somebody who talks to it."""
    return MasterClient(f"http://127.0.0.1:{master.web_port}", token)


def answer_of(master: MasterProcess, path: str, **headers: str) -> int:
    """The status of a plain request."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{master.web_port}{path}", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    for name, value in headers.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert "access-control-allow-origin" not in answer.headers
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_an_idle_master_says_so(master: MasterProcess) -> None:
    """No run, no workers."""
    assert client(master).state() == {"state": "idle", "run": {}, "workers": 0}
    assert client(master).live() == {}


def test_what_the_driving_process_refuses_is_told_with_its_words(master: MasterProcess) -> None:
    """The configuration reaches it as it was posted, and the master is idle again."""
    refused: list[MasterRefusedError] = []

    def ask() -> None:
        try:
            client(master).start({"load": {"users": -1}})
        except MasterRefusedError as error:
            refused.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert until(master, "asked")["config"] == {"load": {"users": -1}}
    assert client(master).state()["state"] == "preparing"
    with pytest.raises(MasterRefusedError, match="a run is preparing") as busy:
        client(master).start({})
    master.order("refuse", why="load.users was given -1")
    asking.join(10)
    assert [(error.status, str(error)) for error in refused] == [(422, "load.users was given -1")]
    assert busy.value.status == 409
    assert client(master).state()["state"] == "idle"


def test_a_plan_without_workers_can_be_stopped(master: MasterProcess, tmp_path: Path) -> None:
    """What was asked is answered when the run ends before it begins; its facts stay known."""

    def ask() -> None:
        with pytest.raises(MasterRefusedError, match="stopped before it started"):
            client(master).start({})

    asking = threading.Thread(target=ask)
    asking.start()
    until(master, "asked")
    config = RunConfig().model_dump(mode="json")
    plan = {"run": "r1", "config": config, "prompts": [], "model": "", "records": str(tmp_path)}
    (tmp_path / "run.json").write_text("{}")
    facts = {"id": "r1", "folder": str(tmp_path)}
    master.order("carry", plan=plan, run=facts)
    while client(master).state()["state"] != "starting":
        pass
    client(master).stop()
    until(master, "ended")
    asking.join(10)
    assert not asking.is_alive()
    assert client(master).state()["state"] == "finishing"
    master.order("tell", run={"id": "r1", "final": "cancelled"})
    while client(master).state()["state"] != "idle":
        pass
    assert client(master).run("r1") == facts | {"final": "cancelled"}
    with client(master).file("r1", "run.json") as file:
        assert file.read() == b"{}"
    for name in ("../secret", "nothing.json", ".hidden", "records/../run.json"):
        with pytest.raises(MasterRefusedError):
            client(master).file("r1", name).close()


def test_nobody_gets_in_without_the_token(master: MasterProcess) -> None:
    """Neither at our routes nor at Locust's own."""
    for token in ("", "wrong", TOKEN[:-1], "é"):
        with pytest.raises(MasterRefusedError) as refused:
            client(master, token.encode().decode("latin-1")).state()
        assert refused.value.status == 401
    assert answer_of(master, "/", Authorization="Bearer x") == 401
    assert answer_of(master, "/stats/requests", Authorization="") == 401
    assert answer_of(master, "/stats/requests") == 200


def test_pages_of_other_sites_are_kept_out(master: MasterProcess) -> None:
    """A name that only pretends to be this machine's, and an origin that is not ours, are refused."""
    own = f"127.0.0.1:{master.web_port}"
    assert answer_of(master, "/inferswarm/state", Host="evil.example") == 403
    assert answer_of(master, "/inferswarm/state", Host="[bad") == 403
    assert answer_of(master, "/inferswarm/state", Origin="http://[bad") == 403
    assert answer_of(master, "/inferswarm/state", Origin="http://evil.example") == 403
    assert answer_of(master, "/inferswarm/state", Origin="null") == 403
    assert answer_of(master, "/inferswarm/state", Origin=f"http://{own}") == 200


def test_a_master_that_is_not_there_is_named() -> None:
    """With what to start."""
    with pytest.raises(MasterSilentError, match=r"master http://127.0.0.1:9: .* --web"):
        MasterClient("http://127.0.0.1:9").state()


def test_a_port_that_is_taken_ends_the_master(master: MasterProcess, tmp_path: Path) -> None:
    """It says which."""
    taken = f"127.0.0.1:{master.web_port}"
    with MasterProcess("", TOKEN, tmp_path / "log", {"where": taken}) as second:
        assert f"cannot listen at {taken}" in until(second, "failed")["error"]


def test_the_form_is_told_what_may_be_asked(tmp_path: Path) -> None:
    """The driving process describes the options; the master hands them on."""
    options = [{"key": "load.users", "value": 3}]
    web = {"where": "127.0.0.1:0", "options": options}
    with MasterProcess("", TOKEN, tmp_path / "log", web) as master:
        until(master, "listening")
        assert told(opener(), master, "/inferswarm/options") == {"options": options}


def test_who_watches_gets_everything_in_one_answer(master: MasterProcess) -> None:
    """State, workers, the last snapshot and points for charts."""
    bearer = [("Authorization", f"Bearer {TOKEN}")]
    view = told(opener(bearer), master, "/inferswarm/view?after=17")
    assert set(view) == {"state", "run", "workers", "asked", "live", "points"}
    assert (view["state"], view["points"]) == ("idle", [])


def test_files_of_a_run_are_listed(master: MasterProcess, tmp_path: Path) -> None:
    """Those that may be read: no folders, no hidden ones."""
    bearer = [("Authorization", f"Bearer {TOKEN}")]
    (tmp_path / "summary.json").write_text("{}")
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "records").mkdir()
    master.order("tell", run={"id": "listed", "folder": str(tmp_path), "final": "done"})
    while not told(opener(bearer), master, "/inferswarm/runs?key=")["runs"]:
        if "listed" in str(told(opener(bearer), master, "/inferswarm/runs")):
            break
    found = told(opener(bearer), master, "/inferswarm/runs/listed/files")
    assert found == {"files": [{"name": "summary.json", "bytes": 2}]}
    assert answer_of(master, "/inferswarm/runs/unknown/files") == 404


def test_pages_are_ours_and_locusts_edit_is_closed(master: MasterProcess) -> None:
    """Users of a run have a plan, which Locust's own routes know nothing of."""
    bearer = [("Authorization", f"Bearer {TOKEN}")]
    with opener(bearer).open(f"http://127.0.0.1:{master.web_port}/", timeout=10) as page:
        assert b"<title>inferswarm</title>" in page.read()
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
    with pytest.raises(urllib.error.HTTPError, match="409"):
        told(opener(bearer), master, "/user", {"users": 1})


def opener(
    headers: list[tuple[str, str]] | None = None,
) -> urllib.request.OpenerDirector:
    """A browser of its own, which keeps cookies."""
    jar = http.cookiejar.CookieJar()
    made = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
    )
    made.addheaders = headers or []
    return made


def told(
    browser: urllib.request.OpenerDirector, master: MasterProcess, path: str, body: object = None
) -> Any:
    """What a route answers as JSON; raises HTTPError."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{master.web_port}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with browser.open(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        error.close()
        raise


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[MasterProcess]:
    """A master that asks people for a login, and programs for a token."""
    web = {"where": "127.0.0.1:0", "token": TOKEN, "user": "ann", "password": "correct horse"}
    with MasterProcess("", TOKEN, tmp_path / "log", web) as process:
        until(process, "listening")
        yield process


BEHIND = ("/stats/requests", "/logs", "/tasks", "/worker-count", "/inferswarm/state")
BEHIND_TOO = ("/inferswarm/live", "/inferswarm/view", "/inferswarm/runs", "/inferswarm/options")


def test_a_login_opens_all_routes_until_it_is_left(guarded: MasterProcess) -> None:
    """Locust's and ours; the page leads to it, and the token of programs still holds."""
    browser = opener()
    with browser.open(f"http://127.0.0.1:{guarded.web_port}/", timeout=10) as page:
        assert page.url.endswith("/login")
        assert b"inferswarm: log in" in page.read()
    for path in (*BEHIND, *BEHIND_TOO):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            told(browser, guarded, path)
    for path in ("/swarm", "/stop", "/stats/reset", "/inferswarm/runs", "/inferswarm/stop"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            told(browser, guarded, path, {})
    right = {"user": "ann", "password": "correct horse"}
    assert told(browser, guarded, "/inferswarm/login", right) == {"next": "/"}
    for path in (*BEHIND, *BEHIND_TOO):
        told(browser, guarded, path)
    assert told(browser, guarded, "/inferswarm/logout", {}) == {"next": "/login"}
    with pytest.raises(urllib.error.HTTPError, match="401"):
        told(browser, guarded, "/inferswarm/state")
    assert client(guarded).state()["state"] == "idle"


def test_the_session_is_kept_from_scripts_and_from_other_sites(guarded: MasterProcess) -> None:
    """The cookie says so itself."""
    right = {"user": "ann", "password": "correct horse"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{guarded.web_port}/inferswarm/login",
        data=json.dumps(right).encode(),
        headers={"Content-Type": "application/json"},
    )
    with opener().open(request, timeout=10) as answer:
        cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("inferswarm_")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "correct" not in cookie


def test_guessing_is_slowed_down(guarded: MasterProcess) -> None:
    """After five wrong ones the right one has to wait too."""
    browser = opener()
    wrongs: list[object] = [
        {"user": "ann", "password": "wrong"},
        {"user": "bob", "password": "correct horse"},
        {"user": "ann"},
        ["ann"],
        {},
    ]
    for wrong in wrongs:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            told(browser, guarded, "/inferswarm/login", wrong)
    right = {"user": "ann", "password": "correct horse"}
    with pytest.raises(urllib.error.HTTPError, match="429") as refused:
        told(browser, guarded, "/inferswarm/login", right)
    assert 0 < int(refused.value.headers["Retry-After"]) <= 61
    assert client(guarded).state()["state"] == "idle"
