"""The manifests as podman can play them: what is changed, and why, is all here.

* Only Deployments, ConfigMaps and claims are played. Services become the names of pods, which are
  podman's DNS; Secrets become podman's own; policies and accounts mean nothing to it.
* A Deployment of several replicas becomes several of one.
* Ports are left out, because podman would publish them on all interfaces; so are probes, which need
  systemd and curl: `probes` tells what they would ask.
* An emptyDir is a volume of its own name here, which all pods would share: each gets another name.
"""

import base64
import copy
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.deploy import podman
from tests.deploy.tools import kubectl

PLAYED = ("ConfigMap", "PersistentVolumeClaim")
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
NO_KUBECTL = (
    "needs kubectl 1.32 or newer (kubernetes-client of your system), for `kubectl kustomize`"
)

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Probe:
    """What kubelet would ask a pod; without a path only for a connection."""

    pod: str
    port: int
    path: str


def rendered(folder: Path) -> list[Manifest]:
    """All objects of a kustomization; skips where kubectl is missing."""
    command = [kubectl(), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def overlay(
    folder: Path, above: Path, prefix: str, tokens: Mapping[str, str], more: Manifest
) -> None:
    """Write a kustomization as a user would: names, image and tokens of their own above ours."""
    folder.mkdir(parents=True, exist_ok=True)
    name, _, tag = podman.image().rpartition(":")
    literals = [f"{key}={value}" for key, value in tokens.items()]
    told = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(above, folder.resolve())],
        "namePrefix": prefix,
        "images": [{"name": "inferswarm", "newName": name, "newTag": tag}],
        "secretGenerator": [{"name": "inferswarm-tokens", "literals": literals}],
        "generatorOptions": {"disableNameSuffixHash": True},
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(told | more))


def deployments(objects: Sequence[Manifest]) -> list[Manifest]:
    """Those objects that start pods."""
    return [one for one in objects if one["kind"] == "Deployment"]


def pods_of(deployment: Manifest) -> list[str]:
    """The names that podman gives its pods, one for each replica."""
    name, replicas = deployment["metadata"]["name"], deployment["spec"].get("replicas", 1)
    return [f"{name}-{number}-pod-0" for number in range(replicas)]


def playable(objects: Sequence[Manifest], prefix: str) -> str:
    """What podman is given to play; names of Services in it are those of the first pod behind each."""
    played = [one for one in objects if one["kind"] in PLAYED]
    for deployment in deployments(objects):
        played += _replicas(deployment)
    text = yaml.safe_dump_all(played)
    for service, pod in _hosts(objects):
        text = re.sub(rf"\b{re.escape(service.removeprefix(prefix))}(?=:\d)", pod, text)
    return text


def secrets(objects: Sequence[Manifest]) -> Iterator[tuple[str, str]]:
    """Name of each Secret, and its content in the form that podman reads."""
    for one in objects:
        if one["kind"] == "Secret":
            plain = one.get("stringData", {})
            encoded = {
                key: base64.b64encode(value.encode()).decode() for key, value in plain.items()
            }
            yield one["metadata"]["name"], json.dumps(one.get("data", {}) | encoded)


def probes(objects: Sequence[Manifest]) -> Iterator[Probe]:
    """All that kubelet would ask, of every pod."""
    for deployment in deployments(objects):
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            ports = {one["name"]: one["containerPort"] for one in container.get("ports", [])}
            for told in (container[kind] for kind in PROBES if kind in container):
                asked = told.get("httpGet") or told["tcpSocket"]
                port = ports.get(asked["port"], asked["port"])
                for pod in pods_of(deployment):
                    yield Probe(pod, int(port), asked.get("path", ""))


def _replicas(deployment: Manifest) -> Iterator[Manifest]:
    for number, pod in enumerate(pods_of(deployment)):
        one = copy.deepcopy(deployment)
        one["metadata"]["name"] = f"{deployment['metadata']['name']}-{number}"
        one["spec"]["replicas"] = 1
        inside = one["spec"]["template"]["spec"]
        renamed = {}
        for volume in inside.get("volumes", []):
            if "emptyDir" in volume:
                own = f"{pod}-{volume['name']}"
                renamed[volume["name"]], volume["name"] = own, own
        for container in inside["containers"]:
            for left_out in ("ports", *PROBES):
                container.pop(left_out, None)
            for mount in container.get("volumeMounts", []):
                mount["name"] = renamed.get(mount["name"], mount["name"])
        yield one


def _hosts(objects: Sequence[Manifest]) -> Iterator[tuple[str, str]]:
    """Each Service, and the first pod that it leads to."""
    for service in (one for one in objects if one["kind"] == "Service"):
        wanted = service["spec"]["selector"].items()
        for deployment in deployments(objects):
            labels = deployment["spec"]["template"]["metadata"]["labels"].items()
            if wanted <= labels:
                yield service["metadata"]["name"], pods_of(deployment)[0]
