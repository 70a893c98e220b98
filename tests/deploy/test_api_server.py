"""Facts that only a real API server can tell; on demand, and nothing is changed there.

INFERSWARM_API_SERVER=~/.kube/config pytest tests/deploy/test_api_server.py -m deploy -rs
"""

import copy
import json
import os
import subprocess

import pytest
import yaml

from tests.deploy.manifests import NAMES, Object, rendered
from tests.deploy.tools import kubectl

pytestmark = pytest.mark.deploy
VARIABLE = "INFERSWARM_API_SERVER"


def ask(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """What kubectl says, of the server that was named."""
    command = [kubectl(), "--kubeconfig", os.environ[VARIABLE], "--namespace", "default", *words]
    return subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def known() -> set[tuple[str, str]]:
    """(apiVersion, kind) of all that the server has; skips, in words, when none was named."""
    if not os.environ.get(VARIABLE):
        pytest.skip(
            f"set {VARIABLE} to a kubeconfig of any cluster: all is a dry run of its server"
        )
    listed = ask("api-resources", "--no-headers")
    assert listed.returncode == 0, listed.stderr
    return {(line.split()[-3], line.split()[-1]) for line in listed.stdout.splitlines()}


def applied(one: Object, minor: int) -> Object:
    """An object as it goes to a namespace that is there (a dry run makes none), and to an old server."""
    mended = copy.deepcopy(one)
    mended["metadata"].pop("namespace", None)
    if minor < 24:
        affinity = mended.get("spec", {}).get("template", {}).get("spec", {}).get("affinity", {})
        for term in affinity.get("podAntiAffinity", {}).values():
            del term[0]["podAffinityTerm"]["namespaceSelector"]
    return mended


@pytest.mark.parametrize("name", NAMES)
def test_a_real_server_takes_every_object(name: str, known: set[tuple[str, str]]) -> None:
    """By server-side apply; what this server is too old for, or lacks, is skipped in words."""
    version = json.loads(ask("version", "--output", "json").stdout)["serverVersion"]
    minor = int(version["minor"].rstrip("+"))
    objects = [applied(one, minor) for one in rendered(name)]
    kinds = {(one["apiVersion"], one["kind"]) for one in objects}
    taken = [one for one in objects if (one["apiVersion"], one["kind"]) in known]
    done = ask(
        "apply", "--server-side", "--dry-run=server", "--filename", "-",
        given=yaml.safe_dump_all(taken),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("serverside-applied (server dry run)") == len(taken)
    if minor < 24 or kinds - known:
        absent = ", ".join(" ".join(kind) for kind in sorted(kinds - known))
        pytest.skip(
            f"{len(taken)} of {len(objects)} objects taken; Kubernetes 1.{minor} there "
            f"does not know: {absent or 'namespaceSelector, which was left out'}"
        )
