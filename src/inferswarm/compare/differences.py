"""What was set differently in the runs: from `config.yaml` and `run.json`, without ids and times."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inferswarm.compare.values import Setting

OTHERWISE = frozenset(
    {
        *("id", "key", "started", "ended", "load_ended_ns", "attempted", "calibration"),
        "prompts_asked_before",
    }
)
"""What of `run.json` differs from run to run, or only says what it is held against."""
RESTATED = frozenset({"target", "backend", "users", "arrivals", "workers"})
"""What of `run.json` the configuration says as well."""
SIMULATED = frozenset({"target.url", "simulator.backend", "simulator.model"})
"""What follows when no target is given: the simulator that was started, at a free port."""
UNSET = "not set"

Tree = Mapping[str, Any]


def settings(configs: Sequence[Tree], runs: Sequence[Tree]) -> list[Setting]:
    """Every option and fact that is not the same in all runs, in the order of the configuration."""
    simulated = all(run.get("simulated") is True for run in runs)
    told = [
        dict(_options(config, simulated=simulated)) | dict(_facts(run))
        for config, run in zip(configs, runs, strict=True)
    ]
    keys = dict.fromkeys(key for one in told for key in one)
    values = {key: [_text(one.get(key)) for one in told] for key in keys}
    return [Setting(key, texts) for key, texts in values.items() if len(set(texts)) > 1]


def _options(config: Tree, *, simulated: bool) -> Iterator[tuple[str, Any]]:
    for key, value in _flat(config):
        if not key.startswith("output.") and not (simulated and key in SIMULATED):
            yield key, value


def _facts(run: Tree) -> Iterator[tuple[str, Any]]:
    kept = {key: value for key, value in run.items() if key not in OTHERWISE | RESTATED}
    return ((f"run: {key}", value) for key, value in _flat(kept))


def _flat(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return UNSET
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
