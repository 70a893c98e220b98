"""What is told of a run to whoever asks over a network: from its folder, so that it outlives us."""

from typing import Any

import msgspec

from inferswarm.storage import RunFolder

_RUN = ("id", "key", "started", "ended", "target", "backend", "api", "model", "users", "arrivals")


def facts_of(folder: RunFolder) -> dict[str, Any]:
    """What `run.json`, `summary.json` and `manifest.json` say so far.

    `final` is there once the run is over: `done`, or `failed` when nothing succeeded.
    """
    run, summary = _read(folder.run), _read(folder.summary)
    facts = {name: run[name] for name in _RUN if name in run}
    facts |= {"folder": str(folder.path.resolve())}
    if summary:
        succeeded = summary.get("requests", {}).get("succeeded", 0)
        facts["verdict"] = summary.get("verdict", {})
        facts["goals"] = summary.get("goals", [])
        facts["requests"] = summary.get("requests", {})
        facts["final"] = "done" if succeeded else "failed"
    return facts


def _read(path: Any) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
