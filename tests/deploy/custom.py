"""Kinds of other makers, as far as our manifests use them: fields, their types, what must be there.

Written after the public definitions: Google Managed Prometheus (`monitoring.googleapis.com/v1`), the
Prometheus Operator (`monitoring.coreos.com/v1`), and the Locust Kubernetes Operator (`locust.io/v2`).
"""

from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
ANY: Schema = {"type": "object"}


def _struct(*needed: str, **fields: Schema) -> Schema:
    """An object of these fields and no others."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(needed),
        "additionalProperties": False,
    }


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of, "minItems": 1}


def _kind(version: str, kind: str, spec: Schema) -> Schema:
    return _struct(
        "apiVersion", "kind", "metadata", "spec",
        apiVersion={"const": version}, kind={"const": kind}, metadata=ANY, spec=spec,
    )  # fmt: skip


_INTERVAL: Schema = {"type": "string", "pattern": "^[0-9]+(s|m)$"}
_SELECTOR = _struct("matchLabels", matchLabels={"type": "object", "additionalProperties": TEXT})
_ENDPOINT = _struct("port", "interval", port=TEXT, path=TEXT, interval=_INTERVAL)
_MONITOR = _struct("selector", "endpoints", selector=_SELECTOR, endpoints=_list(_ENDPOINT))
_RESOURCES = _struct(requests=ANY, limits=ANY)
_MASTER = _struct(
    "command", command=TEXT, resources=_RESOURCES, labels=ANY, annotations=ANY,
    autostart={"type": "boolean"}, extraArgs=_list(TEXT),
    autoquit=_struct("enabled", enabled={"type": "boolean"}, timeout={"type": "integer"}),
)  # fmt: skip
_WORKER = _struct(
    "command", "replicas", command=TEXT, resources=_RESOURCES, labels=ANY, annotations=ANY,
    replicas={"type": "integer", "minimum": 1, "maximum": 500}, extraArgs=_list(TEXT),
)  # fmt: skip
_MOUNT = _struct(
    "name", "mountPath", name=TEXT, mountPath=TEXT, readOnly={"type": "boolean"},
    target={"enum": ["master", "worker", "both"]},
)  # fmt: skip
_TEST = _struct(
    "image", "master", "worker",
    image=TEXT, imagePullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
    master=_MASTER, worker=_WORKER, testFiles=_struct(configMapRef=TEXT, srcMountPath=TEXT),
    volumes=_list(ANY), volumeMounts=_list(_MOUNT), env=ANY, scheduling=ANY,
    security=_struct(podSecurityContext=ANY, containerSecurityContext=ANY),
)  # fmt: skip

SCHEMAS = {
    "PodMonitoring": _kind("monitoring.googleapis.com/v1", "PodMonitoring", _MONITOR),
    "ServiceMonitor": _kind("monitoring.coreos.com/v1", "ServiceMonitor", _MONITOR),
    "LocustTest": _kind("locust.io/v2", "LocustTest", _TEST),
}
