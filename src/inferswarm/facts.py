"""What is told of a run to whoever asks over a network: from its folder, so that it outlives us."""

import contextlib
from typing import Any

import msgspec

from inferswarm.storage import RunFolder

STOPPED = "stopped"
"""Why a load ended that somebody stopped over the web."""
CUT = ("interrupted", "the driving process is gone")
"""Why one ended that went down with its master."""
KEPT_RUNS = 100
"""Of how many runs a standing master knows."""
_RUN = ("id", "key", "started", "ended", "target", "backend", "api", "model", "users", "arrivals")


def facts_of(folder: RunFolder) -> dict[str, Any]:
    """What `run.json`, `summary.json` and `manifest.json` say so far.

    `final` is there once the run is over: `done`, `interrupted`, `cancelled` before anything was asked,
    or `failed` when something broke or nothing succeeded.
    """
    run, summary = _read(folder.run), _read(folder.summary)
    facts = {name: run[name] for name in _RUN if name in run}
    facts |= {"folder": str(folder.path.resolve())}
    if summary:
        facts["verdict"] = summary.get("verdict", {})
        facts["goals"] = summary.get("goals", [])
        facts["requests"] = summary.get("requests", {})
        facts["error"] = run.get("trouble", "")
        facts["final"] = _final(run, facts["requests"])
        with contextlib.suppress(OSError, UnicodeDecodeError):
            facts["uploaded"] = folder.arrived.read_text("utf-8")
    return facts


def _final(run: dict[str, Any], requests: dict[str, Any]) -> str:
    if run.get("trouble"):
        return "failed"
    if "reason" not in run or run["reason"] in CUT:
        return "interrupted"
    if run["reason"] == STOPPED and not requests.get("attempted"):
        return "cancelled"
    return "done" if requests.get("succeeded") else "failed"


def _read(path: Any) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
