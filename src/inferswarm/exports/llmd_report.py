"""A run's numbers as a Benchmark Report v0.2, the common form of llm-d's benchmarks.

Facts of the form are from github.com/llm-d/llm-d-benchmark, `schema_v0_2.py` and what it imports. It
refuses names that it does not know, except under `results.observability`: there, what has no place of
its own stands as `inferswarm`. Times are in seconds, as in its example.
"""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from inferswarm.config.units import Rate
from inferswarm.exchange import Outcome
from inferswarm.exports.source import Source, replacing
from inferswarm.metrics import QUANTILES
from inferswarm.snapshot import MetricStats, Snapshot

VERSION = "0.2"
LATENCIES = {
    "ttft": ("time_to_first_token", "s"),
    "ntpot": ("normalized_time_per_output_token", "s/token"),
    "tpot": ("time_per_output_token", "s/token"),
    "itl": ("inter_token_latency", "s/token"),
    "e2e": ("request_latency", "s"),
}
"""Our metrics, and what they are called there."""
LENGTHS = {"input_tokens": "input_length", "output_tokens": "output_length"}
RATES = {
    "input_tokens_per_s": ("input_token_rate", "tokens/s"),
    "output_tokens_per_s": ("output_token_rate", "tokens/s"),
    "total_tokens_per_s": ("total_token_rate", "tokens/s"),
    "requests_per_s": ("request_rate", "queries/s"),
}
PLACED = ("schema_version", "run", "config", "requests", "throughput", "metrics")
"""Parts of `summary.json` that are found elsewhere in the report."""
STATISTICS = ("mean", "min", *QUANTILES, "max")
UNKNOWN = "unknown"

Json = dict[str, Any]


def write(source: Source, path: Path) -> None:
    """Write the file; raises StorageError naming it."""
    encoded = msgspec.json.encode(report(source.snapshot, source.folder.path.name))
    with replacing(path) as scratch:
        scratch.write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")


def report(shot: Snapshot, name: str) -> Json:
    """The whole report; `name` stands in for the run's id where that is not known."""
    return {
        "version": VERSION,
        "run": _run(shot, name),
        "scenario": _known(stack=[_server(shot)], load=_load(shot)),
        "results": {
            "request_performance": {"aggregate": _aggregate(shot)},
            "observability": {"inferswarm": _without_a_place(shot)},
        },
    }


def _known(**parts: Any) -> Json:
    """Those parts that there are."""
    return {name: part for name, part in parts.items() if part not in (None, "", {}, [])}


def _run(shot: Snapshot, name: str) -> Json:
    verdict, run = shot.verdict, shot.run
    said = "VALID" if verdict.valid else f"INVALID: {'; '.join(verdict.reasons)}"
    return {
        "uid": str(run.get("id") or name),
        "time": _known(
            start=run.get("started"),
            end=run.get("ended"),
            duration=f"PT{shot.window.run_s:.9f}S",
        ),
        "description": said,
        "keywords": ["inferswarm", "valid" if verdict.valid else "invalid"],
    }


def _server(shot: Snapshot) -> Json:
    """The server as far as a client knows it: of its engine's version and hardware it knows nothing."""
    run = shot.run
    facts = _known(model=run.get("model"), api=run.get("api"), endpoint=run.get("target"))
    tool = str(run.get("backend") or UNKNOWN)
    return {
        "metadata": {"label": "server", "cfg_id": _digest({"tool": tool, **facts})},
        "standardized": {"kind": "generic", "tool": tool, "tool_version": UNKNOWN, **facts},
        "native": {},
    }


def _load(shot: Snapshot) -> Json | None:
    """How it was loaded; None without the length of prompts, which the form cannot do without."""
    lengths = shot.metrics["input_tokens"]
    if not lengths.count:
        return None
    standardized = {
        "tool": "inferswarm",
        "tool_version": str(shot.run.get("inferswarm_version") or UNKNOWN),
        "parallelism": max(1, shot.client.workers),
        "source": "random" if _option(shot, "prompts", "source") == "synthetic" else "sampled",
        "input_seq_len": _measured_length(lengths),
        **_known(
            output_seq_len=_asked_length(shot),
            multi_turn=_multi_turn(shot),
            rate_qps=_rate(shot),
            concurrency=None if shot.run.get("arrivals") else shot.run.get("users"),
        ),
    }
    return {
        "metadata": {"cfg_id": _digest(shot.config)},
        "standardized": standardized,
        "native": {"config": shot.config},
    }


def _option(shot: Snapshot, section: str, name: str) -> Any:
    found = shot.config.get(section)
    return found.get(name) if isinstance(found, dict) else None


def _measured_length(stats: MetricStats) -> Json:
    """As the requests had it, whatever was asked for."""
    if stats.min == stats.max:
        return {"distribution": "fixed", "value": stats.mean}
    ends = {"min": int(stats.min or 0), "max": int(stats.max or 1)}
    return {"distribution": "other", "value": stats.mean, **ends}


def _asked_length(shot: Snapshot) -> Json | None:
    """The length that every answer was made to have, where it was."""
    request = shot.config.get("request")
    if not isinstance(request, dict) or _option(shot, "arrivals", "trace"):
        return None
    longest = request.get("max_output_tokens")
    enforced = request.get("ignore_eos") or request.get("min_output_tokens") == longest
    asked = isinstance(longest, int) and enforced and not _option(shot, "prompts", "output_tokens")
    return {"distribution": "fixed", "value": longest} if asked else None


def _multi_turn(shot: Snapshot) -> Json | None:
    asked = _option(shot, "prompts", "conversations")
    return {"enabled": True} if asked in ("answers", "recorded") else None


def _rate(shot: Snapshot) -> float | None:
    """The rate of a schedule that has one all along."""
    given = _option(shot, "arrivals", "rate")
    try:
        return None if given is None else float(Rate.parse(given)) or None
    except ValueError:
        return None


def _digest(facts: Json) -> str:
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()


def _aggregate(shot: Snapshot) -> Json:
    requests = shot.requests
    incomplete = requests.by_outcome.get(Outcome.CANCELLED, 0)
    lengths = {there: statistics(shot.metrics[here], "count") for here, there in LENGTHS.items()}
    return {
        "requests": {
            "total": requests.attempted,
            "failures": requests.failed - incomplete,
            "incomplete": incomplete,
            **_known(**lengths),
        },
        "latency": _known(
            **{
                there: statistics(shot.metrics[here], unit)
                for here, (there, unit) in LATENCIES.items()
            }
        ),
        "throughput": {
            there: {"units": unit, "mean": getattr(shot.throughput, here)}
            for here, (there, unit) in RATES.items()
        },
    }


def statistics(stats: MetricStats, unit: str) -> Json | None:
    """One distribution; milliseconds become seconds. None of nothing: a mean is required."""
    if stats.mean is None:
        return None
    scale = 1_000 if stats.unit == "ms" else 1
    values = {name.replace("_", "p"): getattr(stats, name) for name in STATISTICS}
    scaled = {name: value / scale for name, value in values.items() if value is not None}
    return {"units": unit, **scaled}


def _without_a_place(shot: Snapshot) -> Json:
    """What the form has no name for, in ours: as in `summary.json`, new parts of it too."""
    metrics = {
        name: stats
        for name, stats in shot.metrics.items()
        if stats.count and name not in LATENCIES and name not in LENGTHS
    }
    others = {name: getattr(shot, name) for name in shot.__struct_fields__ if name not in PLACED}
    parts = others | {"by_outcome": shot.requests.by_outcome, "metrics": metrics}
    return _known(**msgspec.to_builtins(parts))
