"""The manifests in containers: a master, two workers, a runner, a simulated server and a bucket."""

import os
import signal
import sysconfig
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy import podman, pods
from tests.deploy.asking import Asker, exchange, wait_for
from tests.prometheus import prometheus, value_of

pytestmark = pytest.mark.deploy

SIMULATED = podman.ROOT / "deploy" / "kubernetes" / "overlays" / "simulator"
BUCKET_PORT = 9023
BUCKET = "results"
TOKENS = {role: f"made-up-token-of-{role}" for role in ("worker", "service", "read", "run")}


class Cluster:
    """What was played, and how it is asked."""

    def __init__(self, stage: podman.Stage, objects: list[pods.Manifest], bucket: str) -> None:
        """`objects` are those that kustomize rendered, `bucket` the emulator's address."""
        self.objects, self._prefix, self._bucket = objects, f"{stage.name}-", bucket

    def pod(self, deployment: str, number: int = 0) -> str:
        """The name of a Deployment's pod."""
        return f"{self._prefix}{deployment}-{number}-pod-0"

    def container(self, deployment: str, number: int = 0) -> str:
        """The name of the one container in it."""
        return f"{self.pod(deployment, number)}-{deployment.removeprefix('locust-')}"

    def url(self, deployment: str, port: int) -> str:
        """Where a pod's port is reached from here."""
        return f"http://{podman.pod_address(self.pod(deployment))}:{port}"

    @property
    def runner(self) -> Asker:
        """Whoever has the token for runs, before the runner."""
        return Asker(self.url("locust-runner", 8000), TOKENS["run"])

    def start(self, seconds: int, rate: str) -> str:
        """Queue an open-loop run; its id once it loads."""
        load = {"load": {"duration": f"{seconds}s"}, "arrivals": {"rate": rate}}
        identity = str(self.runner.ask("/runs", {"config": load})["id"])
        wait_for(lambda: self.runner.ask(f"/runs/{identity}")["state"] == "running", 60, identity)
        return identity

    def working(self) -> bool:
        """Whether two workers load."""
        _, page = exchange(f"{self.url('locust-master', 9646)}/metrics", {})
        return b'inferswarm_workers{state="running"} 2\n' in page

    def stored(self) -> list[str]:
        """The names of all objects in the bucket."""
        return [
            one["name"]
            for one in Asker(self._bucket).ask(f"/storage/v1/b/{BUCKET}/o").get("items", [])
        ]


def start_bucket(stage: podman.Stage) -> tuple[str, str]:
    """Google's storage emulated in a container: its address there and from here."""
    packages = sysconfig.get_path("purelib")
    words = ["python3", "-m", "gcp_storage_emulator", "start", "--in-memory", "--host=0.0.0.0"]
    words += [f"--port={BUCKET_PORT}", f"--default-bucket={BUCKET}"]
    given = (f"--volume={packages}:/packages:ro", "--env=PYTHONPATH=/packages")
    name = stage.run("bucket", podman.base(), *words, options=given)
    here = f"http://{podman.address(name)}:{BUCKET_PORT}"
    wait_for(lambda: bool(Asker(here).ask(f"/storage/v1/b/{BUCKET}")), 60, podman.log(name))
    return f"http://{name}:{BUCKET_PORT}", here


def changes(run: dict[str, Any], bucket: str) -> dict[str, Any]:
    """What a user of the manifests would say besides: two workers, a bucket and the way to it."""
    run = run | {"output": {"upload": f"gs://{BUCKET}/here"}}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "inferswarm-config"}}
    patches = [{"patch": yaml.safe_dump(config | {"data": {"run.yaml": yaml.safe_dump(run)}})}]
    for name in ("master", "worker"):
        env = [{"name": "STORAGE_EMULATOR_HOST", "value": bucket}]
        inside = {"spec": {"containers": [{"name": name, "env": env}]}}
        patch = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"locust-{name}"},
            "spec": {"template": inside},
        }
        patches.append({"patch": yaml.safe_dump(patch)})
    return {"patches": patches, "replicas": [{"name": "locust-worker", "count": 2}]}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The overlay with the simulator, played by podman; gone when the tests of this file are."""
    folder = tmp_path_factory.mktemp("overlay")
    with podman.Stage("e2e") as stage:
        prefix = f"{stage.name}-"
        inside, outside = start_bucket(stage)
        usual = pods.rendered(SIMULATED)
        config = next(one for one in usual if one["kind"] == "ConfigMap")
        run = yaml.safe_load(config["data"]["run.yaml"])
        pods.overlay(folder, SIMULATED, prefix, TOKENS, changes(run, inside))
        objects = pods.rendered(folder)
        for name, content in pods.secrets(objects):
            podman.podman("secret", "create", name, "-", given=content)
        stage.play(pods.playable(objects, prefix))
        cluster = Cluster(stage, objects, outside)
        wait_for(lambda: cluster.runner.ask("/readyz") is not None, 60, "the runner is not ready")
        yield cluster


def test_everything_runs_without_rights(cluster: Cluster) -> None:
    """User 10001, no capability, nothing gained by setuid, a filter of system calls, a fixed disk."""
    for name in (cluster.container("locust-master"), cluster.container("locust-runner")):
        told = podman.podman("exec", name, "cat", "/proc/self/status")
        status = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
        assert status["Uid"].split() == ["10001"] * 4
        assert int(status["CapEff"], 16) == 0
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        with pytest.raises(podman.PodmanError, match="Read-only file system"):
            podman.podman("exec", name, "touch", "/opt/inferswarm/here")


def test_what_kubelet_would_ask_is_answered(cluster: Cluster) -> None:
    """Every probe of the manifests is answered well, without a token."""
    asked = set(pods.probes(cluster.objects))
    assert len(asked) >= 4
    for probe in asked:
        wait_for(partial(answers, probe), 30, probe)


def answers(probe: pods.Probe) -> bool:
    """Whether kubelet would be content; without a path it asks for a connection only."""
    status, _ = exchange(f"http://{podman.pod_address(probe.pod)}:{probe.port}{probe.path}", {})
    return not probe.path or 200 <= status < 400


def test_a_run_leaves_its_report_in_the_bucket_and_its_metrics(
    cluster: Cluster, tmp_path: Path
) -> None:
    """One GET starts a run; bucket, runner and Prometheus have what came of it."""
    target = cluster.url("locust-master", 9646).removeprefix("http://")
    with prometheus(tmp_path, target) as server:
        started = cluster.runner.ask("/run?duration=8&users=4&rate=4")
        assert started["message"] == "Swarming started"
        run = cluster.runner.ended(started["id"], 90)
        assert (run["state"], run["error"]) == ("done", ""), run
        attempted = run["facts"]["requests"]["attempted"]
        assert attempted == run["facts"]["requests"]["succeeded"] > 4
        counted = "sum(inferswarm_requests_total)"
        wait_for(lambda: (value_of(server, counted) or 0) >= attempted, 20, "not scraped")
    place = run["uploaded"].removeprefix(f"gs://{BUCKET}/")
    kept = [name.removeprefix(f"{place}/") for name in cluster.stored() if name.startswith(place)]
    assert {"report.html", "summary.json", "manifest.json"} <= set(kept)


def test_a_killed_worker_is_replaced_while_the_run_goes_on(cluster: Cluster) -> None:
    """Its share goes to the other, podman starts it anew, it takes part again, the verdict tells."""
    name = cluster.container("locust-worker", 1)
    identity = cluster.start(25, "10/s")
    os.kill(int(str(podman.state(name)["Pid"])), signal.SIGKILL)
    wait_for(lambda: bool(podman.state(name)["Running"]), 20, "not started anew")
    wait_for(cluster.working, 20, "it took no part again")
    assert cluster.runner.ask(f"/runs/{identity}")["state"] == "running"
    run = cluster.runner.ended(identity, 120)
    assert run["state"] == "done", run
    assert any("lost" in reason for reason in run["reasons"]), run
    requests = run["facts"]["requests"]
    assert requests["succeeded"] == requests["attempted"] > 150


def test_a_master_that_is_told_to_end_leaves_a_report(cluster: Cluster) -> None:
    """SIGTERM ends the load in order; the report is in the bucket, and the runner learns of it."""
    name = cluster.container("locust-master")
    identity = cluster.start(120, "5/s")
    folder = cluster.runner.ask(f"/runs/{identity}")["facts"]["id"]
    podman.podman("stop", "--time", "60", name)
    assert podman.state(name)["ExitCode"] == 0, podman.log(name)
    assert any(one.endswith(f"{folder}/report.html") for one in cluster.stored())
    podman.podman("start", name)
    run = cluster.runner.ended(identity, 90)
    assert (run["state"], run["facts"]["exit_code"]) == ("interrupted", 130), run
    assert str(run["uploaded"]).endswith(folder)
    requests = run["facts"]["requests"]
    assert requests["succeeded"] == requests["attempted"] > 0, run


def interrupted(started: list[str]) -> None:
    """A test that starts a container and fails."""
    with podman.Stage("gone") as stage:
        started += [stage.name, stage.role("simulator", "simulate")]
        podman.wait_for_log(started[1], "simulating")
        raise ZeroDivisionError


def test_nothing_is_left() -> None:
    """What a stage started is gone after it, also when its test failed."""
    started: list[str] = []
    with pytest.raises(ZeroDivisionError):
        interrupted(started)
    assert started[0] not in podman.podman("ps", "--all") + podman.podman("network", "ls")
