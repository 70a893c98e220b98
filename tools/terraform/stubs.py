"""Terraform with stub providers of real schemas, where the real ones cannot be downloaded.

`python tools/terraform/stubs.py plan -var-file=sample-terraform.tfvars` runs Terraform in
deploy/terraform with them. Bindings (from npm), a virtual environment and what was made of both are
kept in build/terraform-tools. Needs terraform 1.11 or newer, npm, and indexes of packages.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import schemas

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "build" / "terraform-tools"
MODULE = ROOT / "deploy" / "terraform"
PINNED = ROOT / "requirements" / "terraform.txt"
LIMIT_S = 600.0
_USED = re.compile(r'^(resource|data|ephemeral) "(google|kubernetes)_(\w+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Package:
    """A provider's bindings on npm, and the version of the provider that they are of."""

    provider: str
    name: str
    version: str


PACKAGES = (
    Package("google", "@cdktf/provider-google", "16.12.1"),
    Package("kubernetes", "@cdktf/provider-kubernetes", "12.1.1"),
)
EPHEMERAL: Mapping[str, Any] = {
    # The bindings have no ephemeral resources: this one is written down from its documentation.
    "google_secret_manager_secret_version": {
        "attributes": {
            "project": {"type": "string", "optional": True, "computed": True},
            "secret": {"type": "string", "required": True},
            "version": {"type": "string", "optional": True, "computed": True},
            "is_secret_data_base64": {"type": "bool", "optional": True},
            "secret_data": {"type": "string", "computed": True},
            "name": {"type": "string", "computed": True},
            "create_time": {"type": "string", "computed": True},
            "destroy_time": {"type": "string", "computed": True},
            "enabled": {"type": "bool", "computed": True},
        },
        "blocks": {},
    }
}
ANSWERS: Mapping[str, Any] = {
    "google_project": {"number": "123456789012"},
    "google_storage_buckets": {
        "buckets": [
            {
                "name": "$prefix",
                "location": "US",
                "labels": {},
                "self_link": "",
                "storage_class": "",
            }
        ]
    },
    "google_secret_manager_secret_version": {"secret_data": "made-up-secret"},
    "kubernetes_all_namespaces": {"namespaces": ["default", "kube-system"]},
    "kubernetes_resources": {
        "objects": [
            {"metadata": {"name": "benchmark-ksa"}},
            {"metadata": {"name": "sample-runner-ksa"}},
        ]
    },
}
"""What data sources find: any bucket that is asked for, and the accounts of the samples."""


class StubError(Exception):
    """What cannot be had here, in one line, with how to get it."""


@contextlib.contextmanager
def running(answers: Mapping[str, Any] = ANSWERS) -> Iterator[dict[str, str]]:
    """The environment in which Terraform finds the stubs; raises StubError where they cannot be had."""
    python = _python()
    with (
        tempfile.TemporaryDirectory(prefix="terraform-stubs-") as folder,
        contextlib.ExitStack() as stack,
    ):
        reattached = {}
        for package in PACKAGES:
            definition = Path(folder) / f"{package.provider}.json"
            definition.write_text(json.dumps(defined(package, answers)), encoding="utf-8")
            socket = definition.with_suffix(".socket")
            pid = stack.enter_context(_served(python, definition, socket))
            reattached[f"hashicorp/{package.provider}"] = {
                "Protocol": "grpc",
                "ProtocolVersion": 6,
                "Pid": pid,
                "Test": True,
                "Addr": {"Network": "unix", "String": str(socket)},
            }
        yield {
            "TF_REATTACH_PROVIDERS": json.dumps(reattached),
            "TF_DATA_DIR": str(TOOLS / "data"),
            **quiet_environment(),
        }


def quiet_environment() -> dict[str, str]:
    """Terraform without a look for its own news, hints for people, and settings that are not there."""
    settings = os.environ.get("TF_CLI_CONFIG_FILE", "")
    unset = {"TF_CLI_CONFIG_FILE": os.devnull} if settings and not Path(settings).exists() else {}
    return {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", **unset}


@contextlib.contextmanager
def _served(python: Path, definition: Path, socket: Path) -> Iterator[int]:
    stub = Path(__file__).with_name("provider.py")
    process = subprocess.Popen(
        [python, stub, definition, socket], stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise StubError(f"the stub of {definition.stem} did not start: see above")
        yield process.pid
    finally:
        process.terminate()
        process.communicate()


def defined(package: Package, answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the stub of one provider serves: only the types that the module uses."""
    library = _library(package)
    _, own = schemas.read(library / "provider")
    own["attributes"].pop("alias", None)  # Terraform's own word, not the provider's
    found: dict[str, dict[str, Any]] = {"resource": {}, "data": {}, "ephemeral": {}}
    for kind, name in used(package.provider):
        full = f"{package.provider}_{name}"
        prefix = f"data-{package.provider}-" if kind == "data" else ""
        folder = library / (prefix + name.replace("_", "-"))
        found[kind][full] = EPHEMERAL[full] if kind == "ephemeral" else schemas.read(folder)[1]
    return {
        "provider": own,
        "resources": found["resource"],
        "data_sources": found["data"],
        "ephemeral": found["ephemeral"],
        "answers": dict(answers),
    }


def used(provider: str) -> set[tuple[str, str]]:
    """Kind and rest of the name of everything of a provider that the module declares."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(MODULE.glob("*.tf")))
    return {(found[1], found[3]) for found in _USED.finditer(text) if found[2] == provider}


def _library(package: Package) -> Path:
    folder = TOOLS / f"{package.provider}-{package.version}"
    if not folder.exists():
        TOOLS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
            packed = ["npm", "pack", "--loglevel=error", f"--pack-destination={scratch}"]
            _told([*packed, f"{package.name}@{package.version}"])
            archive = str(next(Path(scratch).glob("*.tgz")))
            _told(["tar", "--extract", "--file", archive, "--directory", scratch, "package/lib"])
            Path(scratch, "package").rename(folder)
    return folder / "lib"


def _python() -> Path:
    """The interpreter of an environment with what the stubs import."""
    home = TOOLS / "venv"
    python, stamp = home / "bin" / "python", home / PINNED.name
    if not stamp.exists() or stamp.read_bytes() != PINNED.read_bytes():
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes"]
        _told([*install, "-r", str(PINNED)])
        shutil.copyfile(PINNED, stamp)
    return python


def _told(command: list[str]) -> str:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S)
    except FileNotFoundError:
        raise StubError(f"{command[0]} is not here: install it") from None
    except subprocess.TimeoutExpired:
        raise StubError(f"{shlex.join(command)}: no answer within {LIMIT_S:g} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["failed"]
        why = next((line for line in said if "error" in line.lower()), said[-1])
        raise StubError(f"{shlex.join(command)}: {why}")
    return done.stdout


def main() -> int:
    """Terraform's own exit code, or 2 where the stubs cannot be had."""
    try:
        with running() as environment:
            terraform = ["terraform", f"-chdir={MODULE}", *sys.argv[1:]]
            return subprocess.run(terraform, check=False, env=os.environ | environment).returncode
    except (StubError, schemas.SchemaError) as error:
        print(f"stubs: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
