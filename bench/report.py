"""The figures as Markdown tables, one for each load, and as JSON."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from bench.clients.table import BASE
from bench.figures import Figures, medians
from bench.loads import Load

Results = Mapping[str, Mapping[str, Sequence[Figures]]]
"""Load name, then client name, to the figures of each run."""

UNREAD_SHARE = 0.05

_COLUMNS = {
    "chunks_per_s": ("chunks/s", "{:,.0f}"),
    "requests_per_s": ("requests/s", "{:,.0f}"),
    "core_share": ("core share", "{:.2f}"),
    "cpu_us_per_chunk": ("CPU µs/chunk", "{:.2f}"),
    "cpu_us_per_request": ("CPU µs/request", "{:,.0f}"),
    "chunks_per_core_s": ("chunks/s per core", "{:,.0f}"),
    "ttft_true_ms": ("true TTFT ms", "{:.2f}"),
    "ttft_error_mean_ms": ("TTFT error mean", "{:+.2f}"),
    "ttft_error_p50_ms": ("p50", "{:+.2f}"),
    "ttft_error_p99_ms": ("p99", "{:+.2f}"),
    "itl_error_p50_ms": ("ITL error p50", "{:+.2f}"),
    "itl_error_p99_ms": ("p99", "{:+.2f}"),
    "after_cpu_s": ("CPU s after", "{:.2f}"),
    "start_s": ("first request after s", "{:.2f}"),
    "start_cpu_s": ("CPU s until then", "{:.2f}"),
    "memory_growth_mb": ("MB per 10,000 requests", "{:+.1f}"),
    "memory_max_mb": ("MB at most", "{:.0f}"),
    "parse_backlog_max": ("answers unread at most", "{:,.0f}"),
}
_SPEED = [
    "chunks_per_s",
    "core_share",
    "cpu_us_per_chunk",
    "chunks_per_core_s",
    "ttft_true_ms",
    "ttft_error_mean_ms",
    "ttft_error_p50_ms",
    "ttft_error_p99_ms",
    "itl_error_p50_ms",
    "itl_error_p99_ms",
    "after_cpu_s",
    "parse_backlog_max",
]
_WHOLE = [
    "requests_per_s",
    "core_share",
    "cpu_us_per_request",
    "after_cpu_s",
    "parse_backlog_max",
]
_COMPARED = {
    "speed": ("cpu_us_per_chunk", "CPU/chunk"),
    "whole": ("cpu_us_per_request", "CPU/request"),
    "start": ("start_s", "time"),
    "memory": ("memory_max_mb", "memory"),
}


def _kind(load: Load) -> str:
    return load.kind if load.kind != "speed" or load.stream else "whole"


def _names(load: Load) -> list[str]:
    return {
        "speed": _SPEED,
        "whole": _WHOLE,
        "start": ["start_s", "start_cpu_s"],
        "memory": ["memory_growth_mb", "memory_max_mb", "parse_backlog_max"],
    }[_kind(load)]


def table(load: Load, by_client: Mapping[str, Sequence[Figures]]) -> str:
    """One load: a row for each client, medians, and the ratio to the plain Locust client."""
    names = _names(load)
    key, called = _COMPARED[_kind(load)]
    titles = ["client", *(_COLUMNS[name][0] for name in names), f"{called} vs {BASE}", "runs"]
    middle = {client: medians(runs) for client, runs in by_client.items()}
    lines = [f"### {load.title}", "", _line(titles), _line(["---"] * len(titles))]
    for client, found in middle.items():
        cells = [_cell(found, name) for name in names]
        ratio = _ratio(found.get(key), middle.get(BASE, {}).get(key))
        lines.append(_line([client, *cells, ratio, str(len(by_client[client]))]))
    return "\n".join([*lines, ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(found: Figures, name: str) -> str:
    return _COLUMNS[name][1].format(found[name]) if name in found else "-"


def _ratio(value: float | None, base: float | None) -> str:
    return f"{value / base:.2f}" if value is not None and base else "-"


def warnings(load: Load, by_client: Mapping[str, Sequence[Figures]]) -> list[str]:
    """What makes a row doubtful: answers that were not reported, or left unread for later."""
    found = []
    for client, runs in by_client.items():
        for run in runs:
            given, told = run.get("requests_answered", 0), run.get("requests_reported", 0)
            unread = run.get("parse_backlog_max", 0)
            if abs(given - told) > load.users:
                found.append(f"{load.name}, {client}: {given:.0f} answered, {told:.0f} reported")
            if load.requests and abs(given - load.requests) > load.users:
                found.append(f"{load.name}, {client}: {given:.0f} of {load.requests} were asked")
            if unread > max(2 * load.users, given * UNREAD_SHARE):
                found.append(
                    f"{load.name}, {client}: {unread:.0f} of {given:.0f} answers waited to be read: "
                    "it fell behind, and its cost inside the window is more than is shown"
                )
    return found


def as_json(loads: Sequence[Load], results: Results, machine: dict[str, Any]) -> dict[str, Any]:
    """Everything, each run by itself as well."""
    return {
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "inferswarm": version("inferswarm"),
            "locust": version("locust"),
            "gevent": version("gevent"),
            **machine,
        },
        "loads": {
            load.name: {
                "load": asdict(load),
                "clients": {
                    client: {
                        "median": medians(runs),
                        "runs": list(runs),
                        "to_base": _to_base(results[load.name], client),
                    }
                    for client, runs in results[load.name].items()
                },
            }
            for load in loads
            if load.name in results
        },
    }


def _to_base(by_client: Mapping[str, Sequence[Figures]], client: str) -> Figures:
    base, own = medians(by_client.get(BASE, [])), medians(by_client[client])
    return {name: own[name] / base[name] for name in own if base.get(name)}
