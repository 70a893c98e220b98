"""What a master is at, for Prometheus: from its latest snapshot and the states of its workers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from inferswarm import __version__
from inferswarm.exposition import declared
from inferswarm.exposition.families import Declared, Family

_LOADING = ("running", "draining")
_MS_PER_S = 1_000


def gauges(stage: str, live: Mapping[str, Any], workers: Iterable[str]) -> list[Family]:
    """All gauges: `live` is the master's last `snapshot` event, `workers` has the state of each."""
    build = Family(declared.BUILD)
    build.add(1, {"version": __version__})
    stages = Family(declared.STAGE)
    for one in declared.STAGES:
        stages.add(one == stage, {"stage": one})
    states = Family(declared.WORKERS)
    for state, count in sorted((Counter(workers) or Counter(connected=0)).items()):
        states.add(count, {"state": state})
    loading = stage in _LOADING
    return [
        build,
        stages,
        states,
        _single(declared.USERS, live.get("users", 0) if loading else 0),
        _single(declared.IN_FLIGHT, live.get("in_flight", 0) if loading else 0),
        *(_of_snapshot(live["snapshot"]) if live else ()),
    ]


def _of_snapshot(shot: Mapping[str, Any]) -> list[Family]:
    client, verdict = shot["client"], shot["verdict"]
    return [
        _lag(declared.SEND_LAG, client["send_lag_ms"]),
        _lag(declared.LOOP_LAG, client["loop_lag_ms"]),
        _single(declared.CPU, client["cpu_share_max"]),
        _single(declared.VALID, verdict["valid"]),
        _single(declared.REASONS, len(verdict["reasons"])),
    ]


def _lag(one: Declared, stats: Mapping[str, Any]) -> Family:
    family = Family(one)
    if stats["p99"] is not None:
        family.add(stats["p99"] / _MS_PER_S)
    return family


def _single(one: Declared, value: float) -> Family:
    family = Family(one)
    family.add(value)
    return family
