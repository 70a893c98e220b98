"""compose.yaml: what it publishes, what it asks for, and that it runs."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from inferswarm.config.sources import from_file, resolve
from inferswarm.config.tree import RunConfig
from tests.deploy import podman
from tests.deploy.asking import Asker, exchange, wait_for
from tests.deploy.tools import tool
from tests.prometheus import promtool, value_of
from tests.servers import free_port

pytestmark = pytest.mark.deploy

COMPOSE = podman.ROOT / "deploy" / "compose.yaml"
BESIDE = podman.ROOT / "deploy" / "compose"
SCHEMA_PACKAGE = "dclint@3.1.0"
"""On npm; it carries the schema of the Compose Specification."""
TOKENS = {
    "INFERSWARM_TOKEN": "made-up-token-of-worker",
    "INFERSWARM_SERVICE_TOKEN": "made-up-token-of-service",
    "INFERSWARM_RUN_TOKEN": "made-up-token-of-run",
}
PROMETHEUS = """FROM {base}
COPY prometheus /usr/bin/prometheus
RUN install --directory --owner=65534 --group=65534 /prometheus
USER 65534:65534
ENTRYPOINT ["/usr/bin/prometheus"]
"""


def services() -> dict[str, Any]:
    """The services as the file tells them."""
    told: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return told


def compose(*words: str, variables: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """What podman-compose makes of the file with these variables and no others of its own."""
    podman.need()
    plain = {key: value for key, value in podman.environment().items() if "INFERSWARM" not in key}
    return subprocess.run(
        [tool("podman-compose"), "--file", COMPOSE, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**plain, **variables},
    )


def test_it_fits_the_compose_specification(tmp_path: Path) -> None:
    """Docker's own schema knows every key."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm, which brings the schema: apt-get install npm")
    words = ["npm", "pack", "--silent", f"--pack-destination={tmp_path}", SCHEMA_PACKAGE]
    try:
        subprocess.run(words, capture_output=True, check=True, timeout=200)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm could not bring {SCHEMA_PACKAGE}: {error}")
    (packed,) = tmp_path.glob("*.tgz")
    with tarfile.open(packed) as files:
        found = files.extractfile("package/schemas/compose.schema.json")
        assert found is not None
        schema = yaml.safe_load(found.read())
    jsonschema.Draft7Validator(schema).validate(yaml.safe_load(COMPOSE.read_text()))


def test_only_this_machine_reaches_what_is_published() -> None:
    """Every published port is one of 127.0.0.1, and the workers' port is none of them."""
    published = [port for told in services().values() for port in told.get("ports", [])]
    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert not any(port.endswith(":5557") for port in published)


def test_nobody_has_rights_that_a_run_does_not_need() -> None:
    """Every service: a read-only disk, no capability, none to be gained."""
    for name, told in services().items():
        assert told["read_only"], name
        assert told["cap_drop"] == ["ALL"], name
        assert told["security_opt"] == ["no-new-privileges:true"], name


@pytest.mark.parametrize("missing", sorted(TOKENS))
def test_a_missing_token_is_asked_for(missing: str) -> None:
    """Nothing starts without tokens, and the message says which, and where it is told how."""
    given = {name: value for name, value in TOKENS.items() if name != missing}
    done = compose("config", variables=given)
    assert done.returncode != 0
    assert missing in done.stderr
    assert "deploy/.env" in done.stderr


def test_what_is_mounted_is_there_and_right() -> None:
    """The run's file resolves, Prometheus accepts its own, and every mounted file exists."""
    config = resolve(RunConfig, from_file(BESIDE / "run.yaml"))
    assert config.target.url == "http://simulator:8010"
    mounted = [
        one for told in services().values() for one in told.get("volumes", []) if one[0] == "."
    ]
    assert mounted
    assert all((COMPOSE.parent / one.partition(":")[0]).is_file() for one in mounted)


def test_prometheus_accepts_its_configuration(tmp_path: Path) -> None:
    """With the rules beside it, as they are mounted."""
    rules = sorted((podman.ROOT / "deploy" / "dashboards").glob("*-rules.yaml"))
    for path in (*rules, BESIDE / "prometheus.yml"):
        shutil.copy(path, tmp_path)
    assert len(rules) == 2
    promtool("check", "config", tmp_path / "prometheus.yml")


def prometheus_image(folder: Path) -> str:
    """The machine's Prometheus as an image, in place of one that only a registry has."""
    found = shutil.which("prometheus")
    if found is None:
        pytest.skip("needs Prometheus: apt-get install prometheus")
    shutil.copy(found, folder / "prometheus")
    (folder / "Dockerfile").write_text(PROMETHEUS.format(base=podman.base()))
    name = "localhost/inferswarm-test-prometheus:local"
    podman.podman("build", "--pull=never", "--tag", name, folder, limit_s=300)
    return name


@pytest.fixture
def started(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The whole file, started by podman-compose; gone after the test. Gives its variables."""
    podman.need()
    ports = {name: str(free_port()) for name in ("RUNNER_PORT", "WEB_PORT", "PROMETHEUS_PORT")}
    images = {"INFERSWARM_IMAGE": podman.image(), "PROMETHEUS_IMAGE": prometheus_image(tmp_path)}
    variables = {**TOKENS, **ports, **images}
    podman.sweep()
    project = f"{podman.PREFIX}{os.getpid()}-compose"
    words = ("--in-pod", "false", "--project-name", project)
    try:
        done = compose(*words, "up", "--detach", "--no-build", variables=variables)
        assert done.returncode == 0, done.stdout + done.stderr
        yield variables
    finally:
        podman.remove(project)


def test_a_run_goes_through_all_of_it(started: dict[str, str]) -> None:
    """One GET: two workers load the simulator, the runner has the verdict, Prometheus the numbers."""
    runner = Asker(f"http://127.0.0.1:{started['RUNNER_PORT']}", TOKENS["INFERSWARM_RUN_TOKEN"])
    wait_for(lambda: runner.ask("/readyz") is not None, 60, "the runner is not ready")
    server = f"http://127.0.0.1:{started['PROMETHEUS_PORT']}"
    both = 'inferswarm_workers{state="ready"} == 2'
    wait_for(lambda: value_of(server, both) == 2, 60, "no two workers")
    identity = str(runner.ask("/run?duration=5&users=4&rate=4")["id"])
    run = runner.ended(identity, 90)
    assert run["state"] == "done", run
    attempted = run["facts"]["requests"]["attempted"]
    counted = "sum(inferswarm_requests_total)"
    wait_for(lambda: (value_of(server, counted) or 0) >= attempted > 4, 30, "not scraped")
    status, _ = exchange(f"http://127.0.0.1:{started['WEB_PORT']}/login", {})
    assert status == 200
