"""The manifests as values: each file as it is, and each overlay as `kubectl kustomize` renders it."""

import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.tools import ROOT, kubectl

FOLDER = ROOT / "deploy" / "kubernetes"
BASE = FOLDER / "base"
OVERLAYS = sorted(path.name for path in (FOLDER / "overlays").iterdir() if path.is_dir())
STARTS = [
    "base",
    *(name for name in OVERLAYS if name in ("simulator", "sidecar", "locust-operator")),
]
"""Whole on their own; the other overlays are components, which are added to one of these."""
ADDITIONS = [name for name in OVERLAYS if name not in STARTS]
NAMES = [
    *STARTS,
    *ADDITIONS,
    "simulator+gke+external+tls+autoscale+namespace",
    "sidecar+service-monitor",
]
CUSTOM = ("PodMonitoring", "ServiceMonitor", "LocustTest")
"""Kinds that a cluster knows only when something else was installed."""

Object = dict[str, Any]


@cache
def rendered_text(name: str) -> str:
    """The objects of a start, of an addition to the base, or of a start and additions with + between."""
    start, *additions = name.split("+") if name not in ADDITIONS else ("base", name)
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        rules = {"resources": [_from(start)], "components": [_from(one) for one in additions]}
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(rules))
        return subprocess.run(
            [kubectl(), "kustomize", folder],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout


def _from(name: str) -> str:
    """How a kustomization in a folder of `build` names one of ours."""
    return f"../../deploy/kubernetes/{'base' if name == 'base' else f'overlays/{name}'}"


def rendered(name: str) -> list[Object]:
    """The same as values."""
    return list(yaml.safe_load_all(rendered_text(name)))


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    """Those of these kinds."""
    return [one for one in objects if one["kind"] in kinds]


def named(objects: list[Object], kind: str, name: str) -> Object:
    """The one of this kind and name."""
    (found,) = (one for one in of_kind(objects, kind) if one["metadata"]["name"] == name)
    return found


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Names of Deployments, and their pods' templates."""
    for one in of_kind(objects, "Deployment"):
        yield one["metadata"]["name"], one["spec"]["template"]


def containers(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Each container with the name of its Deployment."""
    for name, pod in pods(objects):
        for container in pod["spec"]["containers"]:
            yield name, container


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Kubernetes' rule: `matchLabels` (or plain labels), `matchExpressions` with In and Exists."""
    plain = selector if not {"matchLabels", "matchExpressions"} & set(selector) else {}
    wanted = plain or selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] in ("In", "Exists")
        if rule["key"] not in labels or (
            rule["operator"] == "In" and labels[rule["key"]] not in rule["values"]
        ):
            return False
    return True


def selected(objects: list[Object], selector: Object) -> list[Object]:
    """The pods' templates that a selector finds."""
    return [pod for _, pod in pods(objects) if selects(selector, pod["metadata"]["labels"])]


def ports_of(pod: Object) -> dict[str, int]:
    """Names and numbers of a pod's ports."""
    found = [port for one in pod["spec"]["containers"] for port in one.get("ports", [])]
    return {port["name"]: port["containerPort"] for port in found}


def files() -> list[Path]:
    """Every manifest that is an object, or a patch of one."""
    return sorted(path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml")
