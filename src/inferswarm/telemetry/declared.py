"""Which metrics are wanted: what ships with the package for each server, or a file of the user's.

A file is YAML or JSON with `metrics`, a mapping of names to entries. An entry of the old benchmark tool
has `filter`, `type` and `aggregation`; one of ours may have any of `telemetry.values.Wanted`.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import yaml

from inferswarm.errors import InputError
from inferswarm.telemetry.values import Wanted

_ALIKE = {"tensorrt_llm_triton": "triton", "openai": "vllm"}
_FIELDS = set(Wanted.__struct_fields__)


def shipped(backend: str) -> tuple[Wanted, ...]:
    """What is looked at for a server of this kind, GPUs besides."""
    found = yaml.safe_load(
        resources.files("inferswarm.telemetry").joinpath("wanted.yaml").read_text("utf-8")
    )
    server = found.get(_ALIKE.get(backend, backend), {})
    return _entries({**server, **found["gpu"]}, "wanted.yaml")


def read_wanted(path: Path) -> tuple[Wanted, ...]:
    """What a file asks for; raises InputError naming the entry and what is wrong with it."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--metrics {path}: {error}; give a YAML file with `metrics`") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise InputError(f"--metrics {path}: not valid YAML{where}") from None
    metrics = found.get("metrics") if isinstance(found, dict) else None
    if not isinstance(metrics, dict):  # an empty one is a deployment's that wants no more
        raise InputError(f"--metrics {path}: must have `metrics`, a mapping of names to entries")
    return _entries(metrics, f"--metrics {path}")


def _entries(metrics: Mapping[Any, Any], origin: str) -> tuple[Wanted, ...]:
    return tuple(_entry(str(name), entry, origin) for name, entry in metrics.items())


def _entry(name: str, entry: Any, origin: str) -> Wanted:
    where = f"{origin}: {name}"
    if not isinstance(entry, dict):
        raise InputError(f"{where}: must be a mapping with promql, filter or of")
    told = {"type" if key == "kind" else key: value for key, value in entry.items()}
    told["kind"] = told.pop("type", "") or ""
    told["aggregation"] = told.get("aggregation") or ""
    for one in ("of", "to"):
        if isinstance(told.get(one), str):
            told[one] = [told[one]]
    if unknown := set(told) - _FIELDS:
        known = ", ".join(sorted(_FIELDS - {"name"}))
        raise InputError(f"{where}: {min(unknown)} is not known; an entry has {known}")
    usual = {"name": name, "title": name, "panel": name}
    try:
        wanted = msgspec.convert({**usual, **told}, Wanted)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {error}") from None
    if not (wanted.promql or wanted.filter or wanted.of):
        raise InputError(f"{where}: asks for nothing; give promql, filter or of")
    return wanted
