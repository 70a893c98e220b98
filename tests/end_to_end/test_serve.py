"""Facts about the service as a user runs it: whole rounds, and what is killed on the way."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from inferswarm.storage import Reading, RunFolder, read_records
from inferswarm.stores import Uri, store_for
from tests import clouds
from tests.end_to_end.test_delivery import Switch
from tests.servers import free_port
from tests.service.serving import Answer, Served

pytestmark = pytest.mark.slow
LIMIT_S = 120.0
LOAD = {"load": {"users": 4, "spawn_rate": "50/s", "duration": "6s"}}


class Service:
    """`inferswarm serve` as a process."""

    def __init__(self, folder: Path, port: int, *more: str, **environment: str) -> None:
        self.folder, self.port, self._more = folder, port, more
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        words = [sys.executable, "-m", "inferswarm", "serve", "--port", str(self.port)]
        with (self.folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *words,
                    "--runs",
                    str(self.folder / "runs"),
                    "--max-output-tokens",
                    "8",
                    *self._more,
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment,
                start_new_session=True,
            )
        until(self.ready)

    def ready(self) -> bool:
        """Whether it and its master answer."""
        with contextlib.suppress(OSError):
            return self.ask("GET", "/readyz").status == 200
        return False

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request."""
        return Served(f"http://127.0.0.1:{self.port}", None).ask(method, path, body)  # type: ignore[arg-type]

    def run(self, url: str) -> dict[str, Any]:
        """What is told of a run."""
        found: dict[str, Any] = self.ask("GET", url).json
        return found

    def wait(self, url: str, *states: str) -> dict[str, Any]:
        """Until a run is in one of these states."""
        until(lambda: self.run(url)["state"] in states)
        return self.run(url)

    def kill(self, what: str) -> None:
        """Kill -9 the service, or the process of its family that bears this name."""
        assert self._process is not None
        if what == "service":
            self._process.kill()
            self._process.wait()
            return
        family = psutil.Process(self._process.pid).children(recursive=True)
        found = [one for one in family if what in words(one)]
        os.kill(found[0].pid, signal.SIGKILL)

    def end(self) -> None:
        """End it in order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)


def until(reached: Any, limit_s: float = LIMIT_S) -> None:
    """Wait for something."""
    end_s = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.1)


@contextlib.contextmanager
def started(folder: Path, *more: str, **environment: str) -> Iterator[Service]:
    """A service with a master of its own and the built-in simulator; nothing of it stays."""
    one = Service(folder, free_port(), *more, **environment)
    try:
        one.start()
        yield one
    finally:
        one.end()
        until(lambda: not [p for p in psutil.process_iter() if str(folder) in words(p)], 60)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Service]:
    """The usual one."""
    with started(tmp_path) as one:
        yield one


def words(process: psutil.Process) -> str:
    """Its command line, while it lives."""
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def records_of(serving: Service, told: dict[str, Any]) -> int:
    """How many records the folder of a run has."""
    folder = RunFolder(serving.folder / "runs" / told["facts"]["id"])
    return sum(1 for _ in read_records(folder, Reading()))


def test_one_curl_makes_a_run_with_its_results(serving: Service) -> None:
    """Report, summary and records are told by the service, and are those of the folder."""
    url = serving.ask("GET", "/run?duration=5&users=4&rate=50").json["url"]
    seen = {serving.wait(url, "warming", "running", "draining")["state"]}

    def over() -> bool:
        state = serving.run(url)["state"]
        seen.add(state)
        return bool(state == "done")

    until(over)
    told = serving.run(url)
    summary = serving.ask("GET", f"{url}/summary").json
    assert seen >= {"running"}
    assert summary["requests"]["attempted"] == records_of(serving, told) > 0
    assert b"<html" in serving.ask("GET", f"{url}/report").body
    parts = serving.ask("GET", f"{url}/records").json
    assert sum(len(serving.ask("GET", part["url"]).body) for part in parts) == sum(
        part["bytes"] for part in parts
    )


def test_runs_wait_for_each_other(serving: Service) -> None:
    """One at a time, in order; two that start at the same moment as well."""
    urls = [serving.ask("POST", "/runs", {"config": LOAD}).json["links"]["self"] for _ in range(2)]
    serving.wait(urls[0], "running", "warming")
    assert serving.run(urls[1])["state"] == "queued"
    ended = [serving.wait(url, "done", "failed") for url in urls]
    assert [run["state"] for run in ended] == ["done", "done"]
    assert ended[0]["facts"]["ended"] <= ended[1]["facts"]["started"]


def test_a_run_is_stopped(serving: Service) -> None:
    """In order, with its report."""
    asked = {"config": {"load": {"users": 2, "duration": "10m"}}}
    url = serving.ask("POST", "/runs", asked).json["links"]["self"]
    serving.wait(url, "running", "warming")
    time.sleep(2)
    assert serving.ask("POST", f"{url}/stop").status == 202
    told = serving.wait(url, "done", "cancelled", "failed")
    assert told["state"] == "done"
    assert serving.ask("GET", f"{url}/summary").json["requests"]["attempted"] > 0


def test_a_run_that_takes_too_long_is_stopped(serving: Service) -> None:
    """By its own limit."""
    asked = {"config": {"load": {"users": 2, "duration": "10m"}}, "limit_s": 8}
    url = serving.ask("POST", "/runs", asked).json["links"]["self"]
    told = serving.wait(url, "done", "cancelled", "failed")
    assert "longer than its limit" in told["error"]


@pytest.mark.parametrize("state", ["starting", "running", "draining"])
@pytest.mark.parametrize("what", ["service", "inferswarm master", "inferswarm.load.desk"])
def test_no_run_is_lost_or_doubled_when_something_is_killed(
    serving: Service, what: str, state: str
) -> None:
    """It ends as interrupted or failed with what it recorded; the next one goes on as ever."""
    url = serving.ask("POST", "/runs", {"config": LOAD}).json["links"]["self"]
    following = serving.ask("POST", "/runs", {"config": LOAD}).json["links"]["self"]
    later = {"running": ("running", "warming"), "draining": ("draining", "uploading", "done")}
    serving.wait(url, *later.get(state, (state,)))
    serving.kill(what)
    if what == "service":
        serving.start()
    told = serving.wait(url, "done", "failed", "interrupted", "cancelled")
    assert serving.wait(following, "done", "failed")["state"] == "done"
    folders = [path for path in (serving.folder / "runs").iterdir() if path.is_dir()]
    keys = [(path / "run.json").read_text() for path in folders if (path / "run.json").exists()]
    assert sum(told["id"] in text for text in keys) <= 1
    if state == "running":
        assert told["state"] in ("failed", "interrupted")
        assert serving.ask("GET", f"{url}/summary").json["requests"]["attempted"] == records_of(
            serving, told
        )


def test_a_killed_worker_costs_only_its_part(serving: Service) -> None:
    """The run ends, and its verdict names what was lost."""
    url = serving.ask("POST", "/runs", {"config": LOAD}).json["links"]["self"]
    serving.wait(url, "running", "warming")
    time.sleep(2)
    serving.kill("inferswarm.load.worker")
    told = serving.wait(url, "done", "failed", "interrupted")
    assert told["valid"] is False or told["state"] == "failed"
    assert records_of(serving, told) > 0


def test_results_are_in_the_bucket_when_a_run_is_done(tmp_path: Path) -> None:
    """Under a prefix of its own, the manifest last; the service says where."""
    with clouds.gs() as cloud, cloud.in_use():
        upload = ("--upload", f"{cloud.uri}/results")
        with started(tmp_path, *upload, **cloud.environment) as serving:
            told = serving.wait(serving.ask("GET", "/run?duration=4&users=2").json["url"], "done")
        place = Uri.parse(told["uploaded"])
        names = store_for(place).names(place)
    assert str(place) == f"{cloud.uri}/results/runs/{told['facts']['id']}"
    assert {"manifest.json", "report.html", "results.txt", "summary.json"} <= set(names)
    assert any(name.startswith("records/") for name in names)


def test_a_bucket_that_comes_back_after_a_minute_gets_everything(tmp_path: Path) -> None:
    """The run waits in `uploading`; nothing is lost, and the next run goes on."""
    with clouds.s3() as cloud:
        way = Switch(cloud.port)
        way.open()
        far = cloud.through(way.port)
        upload = ("--upload", f"{cloud.uri}/results")
        with started(tmp_path, *upload, **far.environment) as serving:
            url = serving.ask("GET", "/run?duration=4&users=2").json["url"]
            serving.wait(url, "running")
            way.shut()
            serving.wait(url, "uploading")
            time.sleep(60)
            way.open()
            told = serving.wait(url, "done", "failed")
            following = serving.ask("GET", "/run?duration=2&users=1").json["url"]
            assert serving.wait(following, "done", "failed")["state"] == "done"
        way.shut()
        with cloud.in_use():
            place = Uri.parse(told["uploaded"])
            assert "manifest.json" in store_for(place).names(place)


def test_a_full_disk_fails_the_run_and_not_the_service(tmp_path: Path) -> None:
    """What was recorded is told; when there is room again the next run is done."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], check=True)
    try:
        with started(tmp_path, "--runs", str(disk)) as serving:
            (disk / "filler").write_bytes(bytes(2_300_000))
            load = {"users": 20, "spawn_rate": "50/s", "duration": "20s"}
            quick = {"simulator": {"ttft": "1ms", "itl": "1ms"}}
            asked = {"config": {"load": load, **quick}}
            url = serving.ask("POST", "/runs", asked).json["links"]["self"]
            until(lambda: serving.ask("GET", "/readyz").json["master"] == "running")
            until(lambda: serving.ask("GET", "/readyz").json["master"] == "idle")
            (disk / "filler").unlink()
            told = serving.wait(url, "done", "failed", "interrupted")
            assert told["state"] == "failed"
            assert "No space left" in told["error"]
            following = serving.ask("GET", "/run?duration=2&users=1").json["url"]
            assert serving.wait(following, "done", "failed")["state"] == "done"
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("what", ["service", "inferswarm master", "inferswarm.load.desk"])
def test_what_is_queued_survives_a_kill(serving: Service, what: str) -> None:
    """Neither lost nor done twice, whoever is killed while it waits."""
    serving.ask("POST", "/runs", {"config": LOAD})
    url = serving.ask("POST", "/runs", {"config": LOAD}).json["links"]["self"]
    assert serving.run(url)["state"] == "queued"
    serving.kill(what)
    if what == "service":
        serving.start()
    told = serving.wait(url, "done", "failed", "interrupted")
    folders = (serving.folder / "runs").glob("*/run.json")
    assert told["state"] == "done"
    assert sum(told["id"] in path.read_text() for path in folders) == 1


@pytest.mark.parametrize("what", ["service", "inferswarm master", "inferswarm.load.desk"])
def test_a_kill_while_results_are_uploaded_loses_none(tmp_path: Path, what: str) -> None:
    """The run is done and in the bucket, as if nothing had happened, and the next one goes on."""
    with clouds.s3() as cloud:
        way = Switch(cloud.port)
        way.open()
        upload = ("--upload", f"{cloud.uri}/results")
        with started(tmp_path, *upload, **cloud.through(way.port).environment) as serving:
            url = serving.ask("GET", "/run?duration=3&users=2").json["url"]
            serving.wait(url, "running")
            way.shut()
            serving.wait(url, "uploading")
            serving.kill(what)
            way.open()
            if what == "service":
                serving.start()
            told = serving.wait(url, "done", "failed", "interrupted")
            assert (told["state"], told["error"]) == ("done", "")
            assert records_of(serving, told) > 0
            following = serving.ask("GET", "/run?duration=2&users=1").json["url"]
            assert serving.wait(following, "done", "failed")["state"] == "done"
        way.shut()
        with cloud.in_use():
            place = Uri.parse(told["uploaded"])
            assert {"manifest.json", "report.html"} <= set(store_for(place).names(place))
