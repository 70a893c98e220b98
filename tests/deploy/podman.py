"""podman for tests: its settings for this machine, the image under test, and what is started from it.

Names of all that is started hold our process id; it ends with the test, and when a test was killed
before it could, the next session sweeps it away.
"""

import contextlib
import hashlib
import json
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Self

import pytest

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "podman"
DOCKERFILE = ROOT / "deploy" / "image" / "Dockerfile"
IGNORED = ROOT / ".dockerignore"
REPOSITORY = "localhost/inferswarm"
PREFIX = "inferswarm-test-"
OWN_BASE = "localhost/inferswarm-test-base:bookworm"
PACKAGES = "podman runc catatonit mmdebstrap netavark aardvark-dns"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PIP_SETTINGS = Path("/etc/pip.conf")
_BASE_PACKAGES = "ca-certificates,python3,python3-pip,python3-venv,python3-dev"
_BUILD_LIMIT_S, _PULL_LIMIT_S = 1500, 300
_REMOVE_LIMIT_S = 60
_MOST_FILES, _MOST_PROCESSES = 65_536, 8_192


_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "pod": ("Name", ("--force", "--time=0")),
    "container": ("Names", ("--force", "--time=0", "--volumes", "--depend", "--ignore")),
    "volume": ("Name", ("--force",)),
    "secret": ("Name", ()),
    "network": ("Name", ("--force",)),
}
"""What has a name here, in the order of removal: the column with it, and how to remove."""


class PodmanError(Exception):
    """A command of podman's failed; what it said."""


@cache
def why_not() -> str:
    """Why containers cannot be started here, and what would help; empty when they can."""
    if shutil.which("podman") is None:
        return f"needs podman: apt-get install {PACKAGES}"
    if os.getuid() != 0:
        return "needs root: podman's networks of a user are none that tests could reach"
    try:
        podman("info", limit_s=60)
    except PodmanError as error:
        return f"podman does not run here: {error}"
    return ""


def need() -> None:
    """Skip the test, in words, where containers cannot be started."""
    if why := why_not():
        pytest.skip(why)


@cache
def environment() -> dict[str, str]:
    """Our environment with settings of podman's that this machine bears."""
    WORK.mkdir(parents=True, exist_ok=True)
    settings = WORK / "containers.conf"
    settings.write_text(_settings())
    return {**os.environ, "CONTAINERS_CONF": str(settings)}


def _settings() -> str:
    """Limits that may be set without the right to raise them; no systemd where there is none."""
    # Of both limits podman's own are higher than some machines allow, and then nothing starts.
    files = _at_most(resource.RLIMIT_NOFILE, _MOST_FILES)
    processes = _at_most(resource.RLIMIT_NPROC, _MOST_PROCESSES)
    lines = ["[containers]"]
    lines += [f'default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]']
    lines += ["[engine]", 'events_logger = "file"']
    if shutil.which("crun") is None:
        lines.append('runtime = "runc"')
    if not Path("/run/systemd/system").exists():
        lines.append('cgroup_manager = "cgroupfs"')
    return "\n".join(lines) + "\n"


def _at_most(limit: int, most: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return most if hard == resource.RLIM_INFINITY else min(hard, most)


def podman(*words: str | Path, given: str = "", limit_s: float = 120) -> str:
    """What a command of podman's says on stdout; raises PodmanError with what it said otherwise."""
    try:
        done = subprocess.run(
            ["podman", *map(str, words)],
            input=given,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
            env=environment(),
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired as error:
        raise PodmanError(f"podman {words[0]} took more than {limit_s:.0f} s") from error
    if done.returncode:
        said = f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        raise PodmanError(
            f"podman {' '.join(map(str, words))}: exit code {done.returncode}: {said}"
        )
    return done.stdout


def content() -> Iterator[Path]:
    """Every file that the image is made of, as .dockerignore lists them."""
    yield from (DOCKERFILE, IGNORED)
    for line in IGNORED.read_text().splitlines():
        if line.startswith("!"):
            named = ROOT / line.removeprefix("!")
            found = [named] if named.is_file() else sorted(named.rglob("*"))
            yield from (path for path in found if path.is_file() and not _is_left_out(path))


def _is_left_out(path: Path) -> bool:
    return path.suffix == ".so" or {"__pycache__", "inferswarm.egg-info"} & set(path.parts) != set()


def key() -> str:
    """Another one for every other content of the image."""
    digest = hashlib.sha256()
    for path in content():
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def image() -> str:
    """The image of the tree as it is, built unless it is there; tags of earlier trees are removed."""
    need()
    name = f"{REPOSITORY}:test-{key()}"
    if not _exists(name):
        base = _base()
        words = ["--pull=never", "--network=host", "--build-arg", f"BASE={base}", "--tag", name]
        for path in (CERTIFICATES, PIP_SETTINGS):
            words += ["--volume", f"{path}:{path}:ro"] if path.exists() else []
        podman("build", *words, "--file", DOCKERFILE, ROOT, limit_s=_BUILD_LIMIT_S)
    for line in podman("images", "--format", "{{.Repository}}:{{.Tag}}").split():
        if line.startswith(f"{REPOSITORY}:test-") and line != name:
            with contextlib.suppress(PodmanError):  # somebody else's container may still use it
                podman("rmi", line)
    return name


def _exists(name: str) -> bool:
    with contextlib.suppress(PodmanError):
        podman("image", "exists", name)
        return True
    return False


def base_name() -> str:
    """The base image that the Dockerfile names."""
    told = next(x for x in DOCKERFILE.read_text().splitlines() if x.startswith("ARG BASE="))
    return told.removeprefix("ARG BASE=")


@cache
def _base() -> str:
    """The base image: as named, where a registry gives it, or a Debian of our own."""
    named = base_name()
    if _exists(named):
        return named
    if _exists(OWN_BASE):
        return OWN_BASE
    with contextlib.suppress(PodmanError):
        podman("pull", "--quiet", f"docker://{named}", limit_s=_PULL_LIMIT_S)
        return named
    if shutil.which("mmdebstrap") is None:
        pytest.skip(f"no registry gives {named}, and to make one: apt-get install mmdebstrap")
    archive = WORK / "base.tar"
    release = named.rpartition("-")[2]
    words = ["--variant=minbase", f"--include={_BASE_PACKAGES}", release, str(archive)]
    subprocess.run(["mmdebstrap", "--quiet", *words], check=True, timeout=_BUILD_LIMIT_S)
    try:
        podman("import", archive, OWN_BASE, limit_s=600)
    finally:
        archive.unlink()
    return OWN_BASE


def base() -> str:
    """The base image that the image under test was built on."""
    return _base()


class Stage:
    """A network with what is started in it; the names of all begin with `name`, and all go with it."""

    def __init__(self, name: str) -> None:
        """`name` is a few letters; tests that go on at the same time need different ones."""
        self.name = f"{PREFIX}{os.getpid()}-{name}"

    def __enter__(self) -> Self:
        need()
        sweep()
        podman("network", "create", self.name)
        return self

    def __exit__(self, *_: object) -> None:
        remove(self.name)

    def run(self, name: str, *words: str | Path, options: Sequence[str] = ()) -> str:
        """Start a container of image and words; its whole name, by which others reach it."""
        whole = f"{self.name}-{name}"
        podman("run", "--detach", "--name", whole, "--network", self.name, *options, *words)
        return whole

    def role(self, name: str, *words: str, options: Sequence[str] = ()) -> str:
        """Start the image under test in a role, without rights and with nothing writable but /tmp."""
        bare = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges")
        return self.run(name, image(), *words, options=(*bare, *options))

    def play(self, manifests: str) -> None:
        """Play manifests in the network; the names in them must begin with ours."""
        podman("play", "kube", "--network", self.name, "-", given=manifests)


def address(name: str) -> str:
    """The address of a container, or of a pod's first one, which this machine reaches."""
    networks = json.loads(podman("inspect", "--type=container", name))[0]["NetworkSettings"][
        "Networks"
    ]
    return str(next(iter(networks.values()))["IPAddress"])


def pod_address(pod: str) -> str:
    """The address that all containers of a pod share."""
    return address(json.loads(podman("pod", "inspect", pod))["InfraContainerID"])


def sweep() -> None:
    """Remove what sessions left that were killed."""
    for kind, (column, _) in _KINDS.items():
        for name in _named(kind, column, PREFIX):
            owner = name.removeprefix(PREFIX).partition("-")[0]
            if not Path(f"/proc/{owner}").exists():
                remove(f"{PREFIX}{owner}-")


def remove(prefix: str) -> None:
    """Everything whose name begins so, in an order in which nothing is still used."""
    for kind, (column, remover) in _KINDS.items():
        end_s = time.monotonic() + _REMOVE_LIMIT_S
        while names := _named(kind, column, prefix):
            try:
                podman(kind, "rm", *remover, *names)
            except PodmanError:  # it stumbles over what ends at the same moment
                if time.monotonic() > end_s:
                    raise
                time.sleep(0.5)


def _named(kind: str, column: str, prefix: str) -> list[str]:
    everything = ("--all",) if kind == "container" else ()
    listed = podman(kind, "ls", *everything, "--format", f"{{{{.{column}}}}}").split()
    return [name for name in listed if name.startswith(prefix)]


def state(name: str) -> Mapping[str, object]:
    """What podman knows of a container: Running, ExitCode, Pid and more."""
    told: Mapping[str, object] = json.loads(podman("inspect", name))[0]["State"]
    return told


def log(name: str) -> str:
    """What a container has said so far, on both channels."""
    done = subprocess.run(
        ["podman", "logs", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=30,
        env=environment(),
    )
    return done.stdout


def wait_for_log(name: str, words: str, limit_s: float = 60) -> None:
    """Wait until a container has said something."""
    end_s = time.monotonic() + limit_s
    while words not in log(name):
        assert state(name)["Running"], f"{name} ended: {log(name)}"
        assert time.monotonic() < end_s, f"{name} does not say {words!r}: {log(name)}"
        time.sleep(0.2)


def wait_until_healthy(name: str, limit_s: float = 60) -> None:
    """Wait until the image's own check is content: a role says that it serves just before it does."""
    end_s = time.monotonic() + limit_s
    while True:
        try:
            podman("exec", name, "python", "-IS", "/opt/inferswarm/lib/healthy.py")
        except PodmanError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.2)
        else:
            return
