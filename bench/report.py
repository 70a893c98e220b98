"""The figures as Markdown tables, one for each load, and as JSON."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from statistics import median
from typing import Any

from bench.clients.table import BASE
from bench.figures import Figures, medians
from bench.loads import Load


@dataclass(slots=True)
class Row:
    """One client under one load: the figures of each run, empty for one that failed.

    `problem` is what went wrong last, also where a run told only a part, or why there is none.
    """

    runs: list[Figures] = field(default_factory=list)
    problem: str = ""

    @property
    def told(self) -> list[Figures]:
        """The runs that came to something."""
        return [run for run in self.runs if run]


Results = Mapping[str, Mapping[str, Row]]
"""Load name, then client name, to its row."""

UNREAD_SHARE = 0.05
PROBLEM_CHARACTERS = 200

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
    "itl_error_mean_ms": ("ITL error mean", "{:+.2f}"),
    "itl_error_p50_ms": ("p50", "{:+.2f}"),
    "itl_error_p99_ms": ("p99", "{:+.2f}"),
    "send_lag_p50_ms": ("sent late p50", "{:.2f}"),
    "send_lag_p99_ms": ("p99", "{:.2f}"),
    "arrival_lag_p50_ms": ("arrived late p50", "{:.2f}"),
    "arrival_lag_p99_ms": ("p99", "{:.2f}"),
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
    "itl_error_mean_ms",
    "itl_error_p50_ms",
    "itl_error_p99_ms",
    "after_cpu_s",
    "parse_backlog_max",
]
_OPEN = [
    "requests_per_s",
    "core_share",
    "cpu_us_per_chunk",
    "send_lag_p50_ms",
    "send_lag_p99_ms",
    "arrival_lag_p50_ms",
    "arrival_lag_p99_ms",
    "ttft_true_ms",
    "ttft_error_mean_ms",
    "ttft_error_p50_ms",
    "ttft_error_p99_ms",
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
    "open": ("cpu_us_per_chunk", "CPU/chunk"),
    "whole": ("cpu_us_per_request", "CPU/request"),
    "start": ("start_s", "time"),
    "memory": ("memory_max_mb", "memory"),
}


def _kind(load: Load) -> str:
    return load.kind if load.kind != "speed" or load.stream else "whole"


def _names(load: Load) -> list[str]:
    return {
        "speed": _SPEED,
        "open": _OPEN,
        "whole": _WHOLE,
        "start": ["start_s", "start_cpu_s"],
        "memory": ["memory_growth_mb", "memory_max_mb", "parse_backlog_max"],
    }[_kind(load)]


def table(load: Load, rows: Mapping[str, Row]) -> str:
    """One load, a line for each client: medians with their spread, and ratios to the base client."""
    names = _names(load)
    key, called = _COMPARED[_kind(load)]
    titles = ["client", *(_COLUMNS[name][0] for name in names), f"{called} vs {BASE}", "runs"]
    lines = [f"### {load.title}", "", _line(titles), _line(["---"] * len(titles))]
    for client, row in rows.items():
        if not row.told:
            empty = ["-"] * (len(names) - 1)
            lines.append(_line([client, f"not measured: {_brief(row.problem)}", *empty, "-", "0"]))
            continue
        cells = [_cell(row.told, name) for name in names]
        lines.append(_line([client, *cells, _ratio(key, row, rows.get(BASE)), _count(row)]))
    return "\n".join([*lines, ""])


def _count(row: Row) -> str:
    if not row.problem:
        return str(len(row.runs))
    return f"{len(row.told)} of {len(row.runs)}: {_brief(row.problem)}"


def _brief(problem: str) -> str:
    """A problem as a cell takes it; the JSON has all of it."""
    return " ".join(problem.split()).replace("|", "/")[:PROBLEM_CHARACTERS]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(runs: Sequence[Figures], name: str) -> str:
    """The median, and from several runs the least and the greatest."""
    found = [run[name] for run in runs if name in run]
    if not found:
        return "-"
    form = _COLUMNS[name][1].format
    middle = form(median(found))
    return middle if len(found) == 1 else f"{middle} ({form(min(found))}..{form(max(found))})"


def _ratio(key: str, row: Row, base: Row | None) -> str:
    """Of the medians, and from several runs that of each."""
    if base is None:
        return "-"
    own, other = medians(row.told).get(key), medians(base.told).get(key)
    if own is None or not other:
        return "-"
    each = ratios(key, row, base)
    said = f"{own / other:.2f}"
    return f"{said} ({', '.join(f'{one:.2f}' for one in each)})" if len(each) > 1 else said


def ratios(key: str, row: Row, base: Row) -> list[float]:
    """A figure divided by the base client's of the same run, for each run that has both."""
    pairs = zip(row.runs, base.runs, strict=False)
    return [own[key] / other[key] for own, other in pairs if key in own and other.get(key)]


def warnings(load: Load, rows: Mapping[str, Row]) -> list[str]:
    """What makes a row doubtful: answers that were not reported, or left unread for later."""
    found = []
    for client, row in rows.items():
        for run in row.told:
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
                    client: _told(row, results[load.name].get(BASE))
                    for client, row in results[load.name].items()
                },
            }
            for load in loads
            if load.name in results
        },
    }


def _told(row: Row, base: Row | None) -> dict[str, Any]:
    """A row: every run as it was, and what the table makes of them."""
    middle = medians(row.told)
    other = medians(base.told) if base else {}
    return {
        "problem": row.problem,
        "median": middle,
        "spread": {name: _spread(row.told, name) for name in middle},
        "runs": row.runs,
        "to_base": {name: middle[name] / other[name] for name in middle if other.get(name)},
        "to_base_of_runs": {name: ratios(name, row, base) for name in middle} if base else {},
    }


def _spread(runs: Sequence[Figures], name: str) -> list[float]:
    found = [run[name] for run in runs if name in run]
    return [min(found), max(found)]
