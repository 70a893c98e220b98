"""Facts about a master that does not do what the service asks."""

import time
from pathlib import Path

from inferswarm.remote import MasterClient
from inferswarm.service.conductor import Conductor
from inferswarm.service.registry import Registry, Run
from inferswarm.service.states import State
from tests.servers import answering
from tests.service.serving import Served, service

BODY = b'{"error": "give the service token"}'
REFUSING = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
TOLD = "the master refused our service token (HTTP 401); give the master's own with INFERSWARM_SERV"
LIMIT_S = 20.0


def wait_for(served: Served, path: str, name: str, words: str) -> None:
    """Ask until a field of the answer begins with these words."""
    end_s = time.monotonic() + LIMIT_S
    while not str(found := served.ask("GET", path).json[name]).startswith(words):
        assert time.monotonic() < end_s, f"{name}: {found}"
        time.sleep(0.05)


def test_a_token_that_the_master_does_not_know_is_told(tmp_path: Path) -> None:
    """By the health checks, the page, and the run that waits; without the token itself."""
    with answering(REFUSING) as server:
        master = MasterClient(f"http://127.0.0.1:{server.port}", "a-wrong-token-0123")
        with service(tmp_path, master) as served:
            url = served.ask("GET", "/run").json["url"]
            wait_for(served, "/readyz", "master", TOLD)
            assert served.ask("GET", "/readyz").status == 503
            assert served.ask("GET", "/healthz").json["master"].startswith(TOLD)
            told = served.ask("GET", url)
            assert (told.json["state"], told.json["error"].startswith(TOLD)) == ("queued", True)
            page = served.ask("GET", "/").body
            assert b"the master refused our service token" in page
            assert b"a-wrong-token" not in told.body + page


def test_a_run_that_went_on_ends_with_the_reason(tmp_path: Path) -> None:
    """The service came back with another token, and nobody can follow the run."""
    registry = Registry(tmp_path / "service.db")
    registry.add(Run(id="r", state=State.RUNNING, config={}, created_ns=1))
    with answering(REFUSING) as server:
        master = MasterClient(f"http://127.0.0.1:{server.port}", "x" * 16)
        conductor = Conductor(registry, master, silence_limit_s=0.1)
        conductor.start()
        end_s = time.monotonic() + LIMIT_S
        while (run := registry.get("r")) is None or not run.over:
            assert time.monotonic() < end_s, run
            time.sleep(0.05)
        conductor.stop()
    assert (run.state, run.error.startswith(TOLD)) == (State.INTERRUPTED, True)
    registry.close()
