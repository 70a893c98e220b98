"""The report page: one HTML file that needs no network, made from a snapshot and its summary.

Everything shown is data in two blocks (`snapshot`, `view`). Numbers leave here unformatted, with
their unit.
"""

import csv
import io
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec

from inferswarm.exchange import Outcome, meaning
from inferswarm.metrics import METRIC_BY_NAME, METRICS, QUANTILES
from inferswarm.reports import (
    client_health,
    conversations,
    first_token,
    goals,
    server_metrics,
    token_counts,
    windows,
)
from inferswarm.reports.charts import CURVES, Json, distribution, prompts, timeline
from inferswarm.reports.fill import fill
from inferswarm.scales import NS_PER_S
from inferswarm.snapshot import MetricStats, Snapshot, to_json
from inferswarm.summary import ErrorSample, Summary
from inferswarm.telemetry.values import Collected

FACTS = {
    "target": "Target",
    "backend": "Backend",
    "api": "API",
    "model": "Model",
    "arrivals": "Arrivals",
    "users": "Users",
    "started": "Started",
    "id": "Run",
    "inferswarm_version": "inferswarm",
}
HEADLINE_LATENCIES = {
    "ttft": "wait for the first token",
    "itl": "gap between two tokens",
    "e2e": "wait for the whole answer",
}
CARD = ("unit", "p50", "p95", "p99", "ci95", "too_few")
NOTHING = "\N{EN DASH}"


def render(snapshot: Snapshot, summary: Summary, server: Collected | None = None) -> str:
    """The whole page as text: it needs no other file and makes no request.

    `server` is what the server said of itself.
    """
    shown = msgspec.json.encode(view(snapshot, summary, server))
    return fill("page", page_title(snapshot), {"snapshot": to_json(snapshot), "view": shown})


def page_title(snapshot: Snapshot) -> str:
    """What the browser's tab says: the verdict, then what was measured."""
    what = known(snapshot, "model") or known(snapshot, "target") or "run"
    return f"{'VALID' if snapshot.verdict.valid else 'INVALID'} · {what} · inferswarm"


def view(snapshot: Snapshot, summary: Summary, server: Collected | None = None) -> Json:
    """Everything the page shows beyond the snapshot itself, in the order of the page."""
    server = server or Collected()
    return {
        "facts": facts(snapshot),
        "window": windows.sentence(snapshot.window),
        "headline": headline(snapshot),
        "latency": latencies(snapshot),
        "goals": goals.view(snapshot),
        "timeline": _timeline(summary, server),
        "server_notes": server.notes,
        "distributions": [distribution(name, snapshot.metrics[name], summary) for name in CURVES],
        "first_token": time_to_first_token(snapshot),
        "conversations": conversations.view(snapshot.conversations),
        "prompts": prompts(summary),
        "tokens": {
            "sources": [asdict(one) for one in token_counts.sources(snapshot.tokens)],
            "cautions": token_counts.cautions(snapshot),
        },
        "metrics": [
            {key: getattr(metric, key) for key in ("name", "title", "sentence", "aliases")}
            for metric in METRICS
        ],
        "csv": metrics_csv(snapshot.metrics),
        "errors": errors(summary),
        "client": client_health.rows(snapshot.client),
        "config": sections(snapshot),
    }


def _timeline(summary: Summary, server: Collected) -> Json:
    """The client's panels, and below them the server's."""
    made = timeline(summary)
    instants_ns = [summary.first_sent_ns + at * NS_PER_S for at in made["seconds"]]
    return made | {"panels": made["panels"] + server_metrics.panels(server, instants_ns)}


def known(snapshot: Snapshot, key: str) -> Any:
    """A fact of the run, from `run` or else from the first part of the configuration with it."""
    tiers = [snapshot.run, snapshot.config]
    tiers += [part for part in snapshot.config.values() if isinstance(part, dict)]
    found = (tier[key] for tier in tiers if key in tier and not isinstance(tier[key], dict))
    return next((value for value in found if value not in (None, "")), None)


def facts(snapshot: Snapshot) -> list[tuple[str, str]]:
    """(label, text) of what was run, leaving out what is not known."""
    given = {key: known(snapshot, key) for key in FACTS}
    if given["arrivals"]:
        del given["users"]  # nobody waits for an answer before the next request is sent
    return [
        (FACTS[key], _instant(value) if key == "started" else str(value))
        for key, value in given.items()
        if value is not None
    ]


def _instant(text: object) -> str:
    try:
        return f"{datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M:%S %Z}".strip()
    except ValueError:
        return str(text)


def headline(snapshot: Snapshot) -> list[Json]:
    """The cards: what the run came to, each with the note that keeps it honest."""
    requests, tokens, rate = snapshot.requests, snapshot.tokens, snapshot.throughput
    share = requests.succeeded / requests.attempted if requests.attempted else None
    source = token_counts.counted_by(tokens.output_by_source)
    rows = (
        ("Output tokens/s", rate.output_tokens_per_s, "", source),
        ("Requests/s", rate.requests_per_s, "", f"{requests.succeeded:,} succeeded"),
        ("Success", share, "share", f"{requests.failed:,} of {requests.attempted:,} failed"),
        ("Mean concurrency", snapshot.concurrency.mean, "", f"peak {snapshot.concurrency.max:.3g}"),
    )
    return [dict(zip(("title", "value", "unit", "note"), row, strict=True)) for row in rows]


def latencies(snapshot: Snapshot) -> list[Json]:
    """The latencies that users feel, and why where there are none."""
    without = "not known: no answer was streamed" if snapshot.requests.succeeded else "no success"
    return [
        {
            "title": METRIC_BY_NAME[name].title,
            "note": what if snapshot.metrics[name].count else without,
            **{key: getattr(snapshot.metrics[name], key) for key in CARD},
        }
        for name, what in HEADLINE_LATENCIES.items()
    ]


def time_to_first_token(snapshot: Snapshot) -> Json | None:
    """The parts of the time to first token; None where the server told nothing of its own times."""
    metrics = snapshot.metrics
    if not first_token.is_told(metrics):
        return None
    rows = [
        {"name": part.name, "title": part.title, "sentence": part.sentence, "share": part.share}
        | _shown(part.stats)
        | {"mean": part.mean_ms}
        for part in first_token.parts(metrics)
    ]
    whole = METRIC_BY_NAME[first_token.WHOLE]
    measured = {"title": whole.title, "sentence": "The whole, as measured.", "share": None}
    measured |= _shown(metrics[whole.name])
    return {"note": first_token.note(metrics), "parts": rows, "whole": measured}


def _shown(stats: MetricStats) -> Json:
    return {key: getattr(stats, key) for key in ("unit", "mean", "p50", "p99", "count")}


def metrics_csv(metrics: dict[str, MetricStats]) -> str:
    """One line for each metric, full precision, empty where a number does not exist.

    `p99_low` and `p99_high` enclose the true p99 with 95 % confidence, and so the others.
    """
    fields = [name for name in MetricStats.__struct_fields__ if name not in ("ci95", "too_few")]
    ends = [f"{share}_{end}" for share in QUANTILES for end in ("low", "high")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["metric", *fields, *ends])
    for name, stats in metrics.items():
        within = [end for share in QUANTILES for end in stats.ci95.get(share) or (None, None)]
        writer.writerow([name, *(getattr(stats, field) for field in fields), *within])
    return text.getvalue()


def errors(summary: Summary) -> list[Json]:
    """Each kind of failure, the most frequent first, with its meaning and its samples."""
    failed = [(n, kind) for kind, n in summary.by_kind.items() if kind != Outcome.OK]
    return [
        {
            "kind": kind,
            "count": count,
            "share": count / summary.attempted,
            "sentence": meaning(kind),
            "samples": [_sample(one, summary) for one in summary.errors.get(kind, [])],
        }
        for count, kind in sorted(failed, key=lambda row: (-row[0], row[1]))
    ]


def _sample(sample: ErrorSample, summary: Summary) -> Json:
    after_s = (sample.due_ns - summary.first_sent_ns) / NS_PER_S
    where = f"request {sample.k}, worker {sample.worker}, {after_s:.1f} s after the start"
    return {"where": where, "detail": sample.detail, "body": sample.body_head}


def sections(snapshot: Snapshot) -> list[Json]:
    """The run's facts and its configuration as titled lists of (dotted key, text)."""
    plain = {key: value for key, value in snapshot.config.items() if not isinstance(value, dict)}
    nested = {key: value for key, value in snapshot.config.items() if isinstance(value, dict)}
    titled = [("this run", snapshot.run), ("general", plain), *nested.items()]
    return [{"title": title, "rows": flatten(part)} for title, part in titled if part]


def flatten(part: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """(dotted key, text) of every value in a tree."""
    rows: list[tuple[str, str]] = []
    for key, value in part.items():
        if isinstance(value, dict) and value:
            rows += flatten(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", _text(value)))
    return rows


def _text(value: object) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
