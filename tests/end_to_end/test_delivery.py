"""Results on their way to buckets: while the run goes, over bad lines, from other machines, and back."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from inferswarm.stores import Uri, store_for
from tests import clouds
from tests.clouds import Cloud
from tests.end_to_end.command import (
    Ended,
    command,
    family_of,
    finish,
    records_of,
    started,
    summary_of,
    wait_for,
)
from tests.servers import free_port
from tests.stores.cutting import Answer, answering_all, cutting

QUICK = [
    "--max-output-tokens", "6", "--set", "simulator.ttft=5ms", "--set", "simulator.itl=1ms",
    "--set", "output.part_time=300ms",
]  # fmt: skip
CLOUDS = {"az": clouds.az, "gs": clouds.gs, "s3": clouds.s3}
DENIED = b'{"error": {"code": 403, "message": "no"}}'


@pytest.fixture(params=sorted(CLOUDS))
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """An emulated cloud, in use in this process too."""
    if request.param == "az" and not clouds.AZURITE.exists():
        pytest.skip(clouds.NO_AZURITE)
    with CLOUDS[request.param]() as running, running.in_use():
        yield running


@pytest.fixture
def bucket() -> Iterator[Cloud]:
    """One cloud, where it does not matter which."""
    with clouds.s3() as running, running.in_use():
        yield running


def run(out: Path, upload: str, *more: str, **options: object) -> Ended:
    """A run of some seconds against the simulator, with small parts."""
    words: list[str | int | Path]
    words = ["run", "--users", "4", "--duration", "3s", *QUICK, "--upload", upload, "--out", out]
    return command(*words, *more, **options)


def place_of(cloud: Cloud, out: Path, path: str = "/results") -> Uri:
    """Where the run in a folder is delivered to."""
    told = json.loads((out / "run.json").read_text())
    return Uri.parse(f"{cloud.uri}{path}/runs/{told['id']}")


def names_at(place: Uri) -> list[str]:
    """What is there."""
    return store_for(place).names(place)


def manifest_at(place: Uri) -> dict[str, object]:
    """The manifest there."""
    found: dict[str, object] = json.loads(
        store_for(place).open(place.child("manifest.json")).read()
    )
    return found


def assert_all_there(cloud: Cloud, out: Path) -> None:
    """The bucket has what the manifest lists, and as many records as the run had requests."""
    place = place_of(cloud, out)
    manifest = manifest_at(place)
    files = manifest["files"]
    assert isinstance(files, list)
    assert sorted(names_at(place)) == sorted([*(one["path"] for one in files), "manifest.json"])
    assert manifest["records"] == summary_of(out).requests.attempted > 0
    assert manifest == json.loads((out / "manifest.json").read_text())


@pytest.mark.slow
def test_a_run_is_uploaded_while_it_goes_and_reported_from_the_bucket(
    cloud: Cloud, tmp_path: Path
) -> None:
    """Parts come early, the manifest last; the report made from the bucket has the same numbers."""
    out, back = tmp_path / "x", tmp_path / "back"
    upload = f"{cloud.uri}/results"
    with started(
        "run", "--users", "4", "--duration", "8s", *QUICK, "--upload", upload, "--out", out
    ) as process:
        wait_for((out / "run.json").exists, seconds=60)
        place = place_of(cloud, out)
        wait_for(lambda: bool(names_at(place)), seconds=30)
        assert process.poll() is None
        assert not any(name == "manifest.json" for name in names_at(place))
        ended = finish(process)
    assert ended.code == 0, ended.err
    assert f"uploaded: {place} (" in ended.out
    assert_all_there(cloud, out)
    again = command("report", str(place), "--out", back)
    assert again.code == 0, again.err
    assert "missing" not in again.out
    assert summary_of(back).requests == summary_of(out).requests
    assert records_of(back) == records_of(out)
    same = command("upload", out)
    assert same.code == 0
    assert "0 of them sent now" in same.out


@pytest.mark.slow
def test_a_connection_cut_in_the_middle_costs_nothing(cloud: Cloud, tmp_path: Path) -> None:
    """Some files are tried again, and all arrive."""
    with cutting(cloud.port, after_bytes=100_000, times=4) as cuts:
        far = cloud.through(cuts.port)
        environment = {**os.environ, **far.environment}
        ended = run(tmp_path / "x", f"{cloud.uri}/results", env=environment)
        assert cuts.made >= 3
    assert ended.code == 0, ended.err
    assert_all_there(cloud, tmp_path / "x")


class Switch:
    """A way to a cloud that can be shut: connections are then refused."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Let connections through."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", PASS_ON, str(self.port), str(self._target)]
        )
        wait_for(self._listens)

    def shut(self) -> None:
        """Cut what is under way, and refuse what comes."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


PASS_ON = """
import asyncio, sys
async def pump(source, target):
    try:
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()
    except OSError:
        pass
    target.close()
async def serve(reader, writer):
    there = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()
asyncio.run(main())
"""


@pytest.fixture
def switch(bucket: Cloud) -> Iterator[Switch]:
    """An open way to the bucket."""
    way = Switch(bucket.port)
    way.open()
    try:
        yield way
    finally:
        way.shut()


def shut_while_loading(bucket: Cloud, switch: Switch, out: Path, then: Callable[[], None]) -> Ended:
    """A run whose bucket goes away when its first part has come; `then` follows some seconds later."""
    environment = {**os.environ, **bucket.through(switch.port).environment}
    with started(
        "run", "--users", "4", "--duration", "8s", *QUICK,
        "--upload", f"{bucket.uri}/results", "--out", out, env=environment,
    ) as process:  # fmt: skip
        wait_for((out / "run.json").exists, seconds=60)
        wait_for(lambda: bool(names_at(place_of(bucket, out))), seconds=30)
        switch.shut()
        time.sleep(3)
        then()
        return finish(process)


@pytest.mark.slow
def test_a_bucket_that_comes_back_gets_everything(
    bucket: Cloud, switch: Switch, tmp_path: Path
) -> None:
    """Gone for some seconds of the run, it costs nothing but time."""
    ended = shut_while_loading(bucket, switch, tmp_path / "x", switch.open)
    assert ended.code == 0, ended.err
    assert_all_there(bucket, tmp_path / "x")


@pytest.mark.slow
def test_a_bucket_that_stays_away_leaves_all_on_disk(
    bucket: Cloud, switch: Switch, tmp_path: Path
) -> None:
    """The report is made, one line says what to do with exit code 5, and doing it finishes."""
    out = tmp_path / "x"
    ended = shut_while_loading(bucket, switch, out, lambda: None)
    assert ended.code == 5
    assert f"all are in {out}: `inferswarm upload {out}` finishes" in ended.last_error
    assert "report: " in ended.out
    assert summary_of(out).requests.attempted == len(records_of(out))
    assert "manifest.json" not in names_at(place_of(bucket, out))
    unfinished = command("report", str(place_of(bucket, out)), "--out", tmp_path / "early")
    assert unfinished.code == 0, unfinished.err
    assert "has no manifest" in unfinished.out
    later = command("upload", out)
    assert later.code == 0, later.err
    assert_all_there(bucket, out)


@pytest.mark.slow
def test_a_missing_bucket_is_told_before_any_load(cloud: Cloud, tmp_path: Path) -> None:
    """In one line that names it, and no folder is made."""
    missing = cloud.uri.replace("prompts-and-results", "no-such-bucket")
    ended = run(tmp_path / "x", missing)
    assert ended.code == 2
    assert len(ended.err.strip().splitlines()) == 1
    assert missing in ended.last_error
    assert not (tmp_path / "x").exists()
    assert "loading" not in ended.out


@pytest.mark.slow
def test_a_bucket_out_of_reach_is_told_before_any_load(tmp_path: Path) -> None:
    """As is one that nobody answers for."""
    nobody = Cloud(clouds.environment("s3", free_port()), "s3://box", 0)
    ended = run(tmp_path / "x", nobody.uri, env={**os.environ, **nobody.environment})
    assert ended.code == 4
    assert "s3://box/runs" in ended.last_error
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["gs", "s3"])
def test_a_missing_right_is_told_before_any_load(scheme: str, tmp_path: Path) -> None:
    """In one line that names the place and the permission."""
    with answering_all(Answer(403, DENIED)) as asked:
        environment = {**os.environ, **clouds.environment(scheme, asked.port)}
        ended = run(tmp_path / "x", f"{scheme}://box/results", env=environment)
    assert ended.code == 4
    assert len(ended.err.strip().splitlines()) == 1
    assert f"{scheme}://box/results/runs" in ended.last_error
    permission = {"gs": "storage.objects.create", "s3": "s3:PutObject"}[scheme]
    assert permission in ended.last_error
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_a_lost_machine_loses_at_most_its_open_part(bucket: Cloud, tmp_path: Path) -> None:
    """Killed with all its processes, its sealed parts come to the report through the bucket."""
    out, port = tmp_path / "x", free_port()
    environment = {**os.environ, "INFERSWARM_TOKEN": "a-token-for-these-tests"}
    lost_environment = environment | {"TMPDIR": str(tmp_path / "lost")}
    (tmp_path / "lost").mkdir()
    with ExitStack() as stack:
        master = stack.enter_context(
            started(
                "master",
                "--bind",
                f"127.0.0.1:{port}",
                "--remote-workers",
                "2",
                "--rate",
                "100/s",
                "--duration",
                "120s",
                *QUICK,
                "--set",
                "output.part_time=2s",
                "--upload",
                f"{bucket.uri}/results",
                "--out",
                out,
                env=environment,
            )
        )
        words = ["worker", "--master", f"127.0.0.1:{port}", "--once"]
        stays = stack.enter_context(started(*words, env=environment))
        lost = stack.enter_context(started(*words, env=lost_environment))
        wait_for(lambda: up_to_date(bucket, out, tmp_path / "lost"), seconds=100)
        for pid in family_of(lost.pid):
            os.kill(pid, signal.SIGKILL)
        finish(lost)
        time.sleep(5)  # what it had under way to the bucket is there, or is not
        master.send_signal(signal.SIGINT)
        ended, _ = finish(master), finish(stays)
    arrived, missing = unsent(bucket, out, tmp_path / "lost")

    assert ended.code == 130, ended.err
    # The open one, and what was closed since the last look, of a second ago at most.
    assert len(missing) <= 4
    assert "from lost workers" in ended.out
    reported = {(one.worker, one.k) for one in records_of(out)}
    for path in arrived:
        kept = [json.loads(line) for line in path.read_bytes().splitlines()[1:]]
        assert {(one.get("worker", 0), one["k"]) for one in kept} <= reported
    assert_all_there_of(manifest_at(place_of(bucket, out)), {*uploaded_parts(bucket, out)})


def unsent(cloud: Cloud, out: Path, machine: Path) -> tuple[list[Path], list[Path]]:
    """The parts that a worker keeps on its machine: those that are in the bucket, and the others."""
    there = uploaded_parts(cloud, out)
    kept = sorted(machine.glob("inferswarm-2*/w*.jsonl"))
    sent = [path for path in kept if f"{path.name}.zst" in there]
    return sent, [path for path in kept if path not in sent]


def up_to_date(cloud: Cloud, out: Path, machine: Path) -> bool:
    """Whether a machine has sent some parts, and all but those of the last look."""
    time.sleep(0.5)  # the bucket has more to do than to be listed
    sent, missing = unsent(cloud, out, machine)
    return len(sent) >= 4 and len(missing) <= 2


def uploaded_parts(cloud: Cloud, out: Path) -> list[str]:
    """The parts in the bucket."""
    if not (out / "run.json").exists():
        return []
    return store_for(place_of(cloud, out)).names(place_of(cloud, out).child("records"))


def assert_all_there_of(manifest: dict[str, object], parts: set[str]) -> None:
    """The master's manifest lists every part that arrived, whoever brought it."""
    files = manifest["files"]
    assert isinstance(files, list)
    listed = {one["path"].removeprefix("records/") for one in files if "records" in one}
    # What was under way when its machine was lost may arrive after the master has looked.
    assert listed <= parts
    assert len(parts - listed) <= 1
