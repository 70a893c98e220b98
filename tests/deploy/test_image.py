"""The image: what it is made of, what it is allowed, how it starts and ends."""

import importlib.util
import json
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.deploy import podman, tools
from tests.servers import answering, free_port

pytestmark = pytest.mark.deploy

EXTRAS = ("gcs", "s3", "azure", "tokenizers", "parquet", "serve", "monitoring", "otel")
MOST_BYTES = 320_000_000
TOKENS = (
    "--env=INFERSWARM_TOKEN=made-up-token-number-1",
    "--env=INFERSWARM_RUN_TOKEN=made-up-token-number-2",
)


def healthy() -> ModuleType:
    """The script behind HEALTHCHECK."""
    path = podman.ROOT / "deploy" / "image" / "healthy.py"
    spec = importlib.util.spec_from_file_location("healthy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def requirements(name: str) -> list[str]:
    """The lines of a requirements file that are no comments."""
    lines = (podman.ROOT / "requirements" / name).read_text().splitlines()
    return [line for line in lines if line and not line.lstrip().startswith("#")]


def test_the_image_has_the_extras_that_it_should_have() -> None:
    """image.in asks for what pyproject.toml says of these extras, and nothing else."""
    project = tomllib.loads((podman.ROOT / "pyproject.toml").read_text())["project"]
    wanted = {one for extra in EXTRAS for one in project["optional-dependencies"][extra]}
    assert {line for line in requirements("image.in") if not line.startswith("-")} == wanted


def test_every_package_is_pinned_by_hash() -> None:
    """image.txt names a version and hashes for each package, also for all that image.in asks for."""
    text = "\n".join(requirements("image.txt"))
    pinned = re.findall(
        r"^([a-z0-9._-]+)==\S+ .*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE
    )
    assert len(pinned) == len(re.findall(r"^\S+==", text, re.MULTILINE)) > 50
    asked = [re.split(r"[>=<]", line)[0] for line in requirements("image.in") if line[0] != "-"]
    assert {name.replace("_", "-") for name in asked} <= set(pinned)


def test_hadolint_has_nothing_to_say() -> None:
    """The Dockerfile follows hadolint's rules, but for those that it excuses with a reason."""
    done = subprocess.run(
        [tools.tool("hadolint"), podman.DOCKERFILE],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_checkov_has_nothing_to_say() -> None:
    """Nor does the Dockerfile break a policy, but for one excuse with its reason."""
    words: list[str | Path] = [
        "--file",
        podman.DOCKERFILE,
        "--framework",
        "dockerfile",
        "--compact",
        "--quiet",
    ]
    done = subprocess.run(
        [tools.tool("checkov"), "--skip-download", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "host", "port", "path"),
    [
        ("inferswarm master --web 0.0.0.0:9000 --bind 0.0.0.0:1", "0.0.0.0", 9000, "/login"),
        ("tini -- inferswarm master --web --config x", "127.0.0.1", 8089, "/login"),
        ("inferswarm master --web=[::]:80", "::", 80, "/login"),
        ("inferswarm serve --host 0.0.0.0", "0.0.0.0", 8000, "/healthz"),
        ("inferswarm serve --tls-cert a --port=1", "127.0.0.1", 1, ""),
        ("inferswarm simulate", "127.0.0.1", 8010, "/"),
        ("inferswarm exporter --locust-url http://localhost:8089", "127.0.0.1", 9646, "/"),
    ],
)
def test_each_role_is_asked_where_it_listens(words: str, host: str, port: int, path: str) -> None:
    """The command line of the container says where."""
    assert healthy().place_of(words.split()) == (host, port, path)


@pytest.mark.parametrize(
    "words", ["inferswarm worker --master a:1", "inferswarm run --users 2", "inferswarm master"]
)
def test_a_role_that_does_not_listen_is_healthy_while_it_is_there(
    tmp_path: Path, words: str
) -> None:
    """There is nobody to ask, and a worker must not be disturbed."""
    (tmp_path / "cmdline").write_bytes("\0".join(words.split()).encode())
    assert healthy().main(tmp_path / "cmdline") == 0


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 0),
        (b"HTTP/1.1 401 No\r\n\r\n", 0),
        (b"HTTP/1.1 503 No\r\n\r\n", 1),
    ],
)
def test_a_refusal_is_a_sign_of_life_and_a_failure_is_not(
    tmp_path: Path, answer: bytes, code: int
) -> None:
    """The exit code follows the status line of a real answer."""
    with answering(answer) as server:
        words = f"inferswarm\0simulate\0--port\0{server.port}"
        (tmp_path / "cmdline").write_text(words)
        assert healthy().main(tmp_path / "cmdline") == code
        assert server.head.startswith("GET / HTTP/1.1\r\n")


def test_who_does_not_listen_is_not_healthy(tmp_path: Path) -> None:
    """No connection, no health."""
    (tmp_path / "cmdline").write_text(f"inferswarm\0serve\0--port={free_port()}")
    assert healthy().main(tmp_path / "cmdline") == 1


def test_what_the_image_says_of_itself() -> None:
    """User, entry point, signal and labels are those that manifests and people rely on."""
    told: dict[str, Any] = json.loads(podman.podman("image", "inspect", podman.image()))[0][
        "Config"
    ]
    assert told["User"] == "10001:10001"
    assert told["Entrypoint"] == ["inferswarm"]
    assert told["StopSignal"] == "SIGTERM"
    assert set(told["ExposedPorts"]) == {f"{port}/tcp" for port in (5557, 8000, 8010, 8089, 9646)}
    assert told["Labels"]["org.opencontainers.image.title"] == "inferswarm"
    assert told["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_the_image_is_small_and_has_no_tools_to_build_with() -> None:
    """What is above the base stays within bounds; neither compiler nor installer is shipped."""
    size = sum(
        int(json.loads(podman.podman("image", "inspect", name))[0]["Size"]) * sign
        for name, sign in ((podman.image(), 1), (podman.base(), -1))
    )
    assert size < MOST_BYTES
    unwanted = ("gcc", "cc1", "pip", "setuptools")
    named = [word for name in unwanted for word in ("-o", "-name", name)][1:]
    given = ("run", "--rm", "--entrypoint=find", podman.image(), "/opt", "/usr/bin", *named)
    found = {path for path in podman.podman(*given).split() if not path.startswith("/usr/bin/pip")}
    assert not found


def test_what_was_cut_is_not_needed() -> None:
    """Clients of S3 and of its sign-in can be made, and Parquet is written and read."""
    code = (
        "import io, botocore.session, pyarrow as pa, pyarrow.parquet as pq;"
        "session = botocore.session.get_session();"
        "[session.create_client(name, 'eu-west-1') for name in ('s3', 'sts', 'sso', 'sso-oidc')];"
        "file = io.BytesIO(); pq.write_table(pa.table({'a': [1, 2]}), file, compression='zstd');"
        "print(pq.read_table(file, use_threads=False).to_pydict())"
    )
    given = ("run", "--rm", "--network=none", "--entrypoint=python", podman.image(), "-c", code)
    assert podman.podman(*given) == "{'a': [1, 2]}\n"


def test_a_run_on_a_read_only_disk_leaves_its_report(tmp_path: Path) -> None:
    """Nothing but /tmp and the folder of results is written; both recorder and pyarrow work."""
    tmp_path.chmod(0o777)
    options = ("--rm", "--read-only", "--cap-drop=all", "--network=none")
    words = ("run", "--duration=4s", "--users=2", "--max-output-tokens=8", "--export=parquet")
    given = (f"--volume={tmp_path}:/var/lib/inferswarm", podman.image(), *words, "--out=x")
    said = podman.podman("run", *options, *given)
    assert "VALID" in said, said
    kept = {path.name for path in (tmp_path / "x").iterdir()}
    assert {"report.html", "summary.json", "manifest.json"} <= kept
    assert any((tmp_path / "x").rglob("*.parquet"))
    assert "native" in (tmp_path / "x" / "client.json").read_text()


@pytest.mark.parametrize(
    ("words", "ready"),
    [
        ("exporter --locust-url http://127.0.0.1:1", "metrics of"),
        ("simulate --host 0.0.0.0", "simulating"),
        ("worker --master nobody-there:5557", "joining"),
        ("serve --host 0.0.0.0 --runs /tmp/runs", "serving at"),
        ("run --duration 10m --out /tmp/run", "in flight"),
    ],
)
def test_every_role_answers_for_its_health_and_ends_when_told(words: str, ready: str) -> None:
    """As first process of its container, long before podman would kill it."""
    with podman.Stage(words.partition(" ")[0]) as stage:
        name = stage.role("one", *words.split(), options=TOKENS)
        podman.wait_for_log(name, ready)
        podman.wait_until_healthy(name)
        begun_s = time.monotonic()
        podman.podman("stop", "--time=60", name)
        assert time.monotonic() - begun_s < 50
        assert podman.state(name)["ExitCode"] in (0, 130), podman.log(name)


def test_the_key_follows_the_content() -> None:
    """The image is built again when a source changes, and not for what the build does not see."""
    named = {path.relative_to(podman.ROOT).as_posix() for path in podman.content()}
    assert {"src/inferswarm/__main__.py", "requirements/image.txt", "pyproject.toml"} <= named
    assert not [name for name in named if name.endswith(".so") or name.startswith("tests/")]
    again = "from tests.deploy import podman; print(podman.key())"
    done = subprocess.run(
        [sys.executable, "-c", again], capture_output=True, text=True, check=True, cwd=podman.ROOT
    )
    assert done.stdout.strip() == podman.key()
