"""Write `deploy/dashboards/` again: `python tools/generate_dashboards.py [--check]`.

For each kind of server a dashboard of Grafana and one of Google Cloud Monitoring, with the client's
numbers on the left and the server's on the right, and one of the client alone; and rules for
Prometheus. All from the declared metrics: those of `inferswarm.exposition` and of
`telemetry/wanted.yaml`. With `--check` nothing is written: stale files are named, the exit code is 1.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml

from inferswarm.exposition import declared as ours
from inferswarm.exposition.families import Declared
from inferswarm.telemetry.declared import shipped
from inferswarm.telemetry.promql import expression
from inferswarm.telemetry.values import Wanted
from inferswarm.verdict import MAX_CPU_SHARE, MAX_SEND_LAG_P99_NS

FOLDER = Path(__file__).parents[1] / "deploy" / "dashboards"
SERVERS = {
    "vllm": "vLLM",
    "tgi": "TGI",
    "triton": "Triton",
    "sglang": "SGLang",
    "jetstream": "JetStream",
}
WINDOW_S = 60
SPAN = f"[{WINDOW_S}s]"
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
BY = ", ".join(ours.RUN)
_GRAFANA_UNITS = {"s": "s", "%": "percent", "ms": "ms", "ratio": "percentunit", "bytes/s": "Bps"}
_BY_METRIC = {one.metric: one.declared for one in ours.DISTRIBUTIONS}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart: its lines are legends with PromQL."""

    title: str
    unit: str
    lines: tuple[tuple[str, str], ...]


def rate(counter: Declared, by: str = "", where: str = "") -> str:
    """Per second over the window, added up but for the label `by`."""
    grouped = f"sum by ({by}) " if by else "sum"
    return f"{grouped}(rate({counter.name}{where}{SPAN}))"


def quantile(metric: str, share: float, by: str = "") -> str:
    """A quantile of the last window's buckets."""
    labels = f"le, {by}" if by else "le"
    buckets = f"sum by ({labels}) (rate({_BY_METRIC[metric].name}_bucket{SPAN}))"
    return f"histogram_quantile({share}, {buckets})"


def failing(by: str = "") -> str:
    """The share of requests that failed; those cut by the end of a run count as neither."""
    failed = rate(ours.REQUESTS, by, '{outcome!~"ok|cancelled"}')
    return f"{failed} / {rate(ours.REQUESTS, by)}"


def _times(title: str, metric: str) -> Panel:
    lines = tuple((name, quantile(metric, share)) for name, share in QUANTILES.items())
    return Panel(f"Client: {title}", "s", lines)


def client_panels() -> list[Panel]:
    """What the load generator measures."""
    tokens = (("output", rate(ours.OUTPUT_TOKENS)), ("input", rate(ours.INPUT_TOKENS)))
    moved = (("received", rate(ours.RECEIVED)), ("sent", rate(ours.SENT)))
    under_way = tuple((one.name, f"sum({one.name})") for one in (ours.USERS, ours.IN_FLIGHT))
    lags = tuple((one.name, f"max({one.name})") for one in (ours.SEND_LAG, ours.LOOP_LAG))
    sound = tuple((one.name, f"min({one.name})") for one in (ours.VALID, ours.CPU))
    workers = f"sum by (state) ({ours.WORKERS.name})"
    return [
        _times("TTFT", "ttft"),
        Panel("Client: users and requests in flight", "", under_way),
        _times("ITL", "itl"),
        Panel("Client: tokens per second", "tokens/s", tokens),
        _times("E2E", "e2e"),
        Panel("Client: requests per second", "per s", (("", rate(ours.REQUESTS, "outcome")),)),
        _times("TPOT", "tpot"),
        _times("TTFT from due", "ttft_due"),
        _times("E2E from due", "e2e_due"),
        Panel("Client: bytes per second", "bytes/s", moved),
        Panel("Client: its own delay", "s", lags),
        Panel("Client: verdict, and the busiest worker's core", "", sound),
        Panel("Client: workers by state", "", (("", workers),)),
    ]


def server_panels(server: str) -> list[Panel]:
    """What the server and its GPUs tell, a chart for each panel and unit of `wanted.yaml`."""
    panels: dict[tuple[str, str], Panel] = {}
    for wanted in shipped(server):
        title = f"Server: {wanted.panel[0].lower()}{wanted.panel[1:]}"
        title = title.replace("gPU", "GPU")
        known = panels.get((wanted.panel, wanted.unit), Panel(title, wanted.unit, ()))
        line = (wanted.title, scaled(wanted))
        panels[wanted.panel, wanted.unit] = replace(known, lines=(*known.lines, line))
    return list(panels.values())


def scaled(wanted: Wanted) -> str:
    """A line in its unit; own PromQL is in it already."""
    found = expression(wanted, WINDOW_S)
    return found if wanted.promql or wanted.scale == 1 else f"({found}) * {wanted.scale:g}"


Rows = list[tuple[Panel | None, Panel | None]]


def beside(server: str) -> Rows:
    """Client left, server right."""
    return list(zip_longest(client_panels(), server_panels(server)))


def alone() -> Rows:
    """The client's in two columns."""
    panels = client_panels()
    return list(zip_longest(panels[::2], panels[1::2]))


def grafana(title: str, uid: str, rows: Rows) -> dict[str, Any]:
    """A dashboard of Grafana, which asks for its Prometheus."""
    panels = [
        _grafana_panel(panel, 12 * column, 8 * row)
        for row, both in enumerate(rows)
        for column, panel in enumerate(both)
        if panel is not None
    ]
    numbered = [{"id": number, **panel} for number, panel in enumerate(panels, 1)]
    variable = {"name": "datasource", "type": "datasource", "query": "prometheus"}
    return {
        "title": title,
        "uid": uid,
        "schemaVersion": 39,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "templating": {"list": [variable]},
        "panels": numbered,
    }


def _grafana_panel(panel: Panel, x: int, y: int) -> dict[str, Any]:
    targets = [
        {"refId": chr(65 + at), "expr": expr, "datasource": DATASOURCE, "range": True}
        | ({"legendFormat": legend} if legend else {})
        for at, (legend, expr) in enumerate(panel.lines)
    ]
    unit = _GRAFANA_UNITS.get(panel.unit, f"suffix: {panel.unit}" if panel.unit else "none")
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "targets": targets,
    }


def cloud_monitoring(title: str, rows: Rows) -> dict[str, Any]:
    """A dashboard of Google Cloud Monitoring, which reads what Managed Prometheus collected."""
    tiles = [
        {"xPos": 24 * column, "yPos": 16 * row, "width": 24, "height": 16, "widget": _widget(panel)}
        for row, both in enumerate(rows)
        for column, panel in enumerate(both)
        if panel is not None
    ]
    return {"displayName": title, "mosaicLayout": {"columns": 48, "tiles": tiles}}


def _widget(panel: Panel) -> dict[str, Any]:
    sets = [
        {"plotType": "LINE", "timeSeriesQuery": {"prometheusQuery": expr}}
        | ({"legendTemplate": legend} if legend else {})
        for legend, expr in panel.lines
    ]
    axis = {"label": panel.unit, "scale": "LINEAR"}
    return {"title": panel.title, "xyChart": {"dataSets": sets, "yAxis": axis}}


def recording_rules() -> dict[str, Any]:
    """Quantiles, rates and the share of failures, by backend and model."""
    rules = {
        f"backend_model:{_BY_METRIC[metric].name}:{name}": quantile(metric, share, BY)
        for metric in _BY_METRIC
        for name, share in QUANTILES.items()
    }
    for counter in (ours.REQUESTS, ours.INPUT_TOKENS, ours.OUTPUT_TOKENS):
        name = counter.name.removesuffix("_total")
        rules[f"backend_model:{name}:rate{WINDOW_S}s"] = rate(counter, BY)
    rules[f"backend_model:inferswarm_failures:ratio{WINDOW_S}s"] = failing(BY)
    recorded = [{"record": name, "expr": expr} for name, expr in rules.items()]
    return {"groups": [{"name": "inferswarm", "rules": recorded}]}


def alerting_rules() -> dict[str, Any]:
    """What somebody should look at while a run goes on."""
    lag_s, share = MAX_SEND_LAG_P99_NS / 1e9, "{{ $value | humanizePercentage }}"
    loading = f'and on (instance) {ours.STAGE.name}{{stage="running"}} == 1'
    invalid, late = f"{ours.VALID.name} == 0", f"{ours.SEND_LAG.name} > {lag_s:g}"
    lost, busy = f'{ours.WORKERS.name}{{state="lost"}} > 0', f"{ours.CPU.name} > {MAX_CPU_SHARE:g}"
    rules = [
        ("RequestsFail", f"{failing(BY)} > 0.05", "1m", f"{share} of requests fail"),
        ("RunInvalid", f"{invalid} {loading}", "1m", "the verdict on the run is INVALID so far"),
        ("WorkerLost", lost, "0s", "{{ $value }} workers of the run are lost"),
        ("SendsLate", f"{late} {loading}", "30s", "requests leave late: add workers"),
        (
            "ClientBusy",
            f"{busy} {loading}",
            "0s",
            f"a worker used {share} of its core: add workers",
        ),
    ]
    alerts = [_alert(f"Inferswarm{name}", *rest) for name, *rest in rules]
    return {"groups": [{"name": "inferswarm-alerts", "rules": alerts}]}


def _alert(name: str, expr: str, lasting: str, summary: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expr,
        "for": lasting,
        "labels": {"severity": "warning"},
        "annotations": {"summary": summary},
    }


def files() -> dict[str, str]:
    """Every file by its name."""
    found: dict[str, Any] = {}
    for server, title in SERVERS.items():
        both = f"inferswarm beside {title}"
        found[f"grafana-{server}.json"] = grafana(both, f"inferswarm-{server}", beside(server))
        found[f"cloud-monitoring-{server}.json"] = cloud_monitoring(both, beside(server))
    found["grafana-client.json"] = grafana("inferswarm", "inferswarm", alone())
    found["cloud-monitoring-client.json"] = cloud_monitoring("inferswarm", alone())
    made = {name: f"{json.dumps(content, indent=2)}\n" for name, content in found.items()}
    rules = {"recording-rules.yaml": recording_rules(), "alerting-rules.yaml": alerting_rules()}
    for name, content in rules.items():
        made[name] = yaml.safe_dump(content, sort_keys=False, width=1_000)
    return made


def stale(folder: Path, wanted: dict[str, str]) -> Iterable[str]:
    """Names of files that are missing, differ, or do not belong there."""
    known = {path.name: path.read_text("utf-8") for path in folder.glob("*.*")}
    return sorted(name for name in known | wanted if known.get(name) != wanted.get(name))


def main() -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="Name stale files, write nothing.")
    check, wanted = parser.parse_args().check, files()
    old = list(stale(FOLDER, wanted))
    for name in old:
        print(f"{'stale' if check else 'written'}: deploy/dashboards/{name}")
        if not check and name in wanted:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
    return int(check and bool(old))


if __name__ == "__main__":
    sys.exit(main())
