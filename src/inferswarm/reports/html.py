"""The report page: one HTML file that needs no network, made from a snapshot and its summary.

Everything shown is data in two JSON blocks (`snapshot`, `view`) that `page.js` puts in as text, so
that nothing a server sent is ever read as markup. Numbers leave here unformatted, with their unit.
"""

import base64
import csv
import hashlib
import html
import io
import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from inferswarm.exchange import Outcome, meaning
from inferswarm.metrics import METRIC_BY_NAME, METRICS
from inferswarm.reports.charts import CURVES, Json, distribution, prompts, timeline
from inferswarm.snapshot import NS_PER_S, ClientStats, MetricStats, Snapshot, to_json
from inferswarm.summary import ErrorSample, Summary

FACTS = {
    "target": "Target",
    "backend": "Backend",
    "api": "API",
    "model": "Model",
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
CLIENT: tuple[tuple[str, str, Callable[[ClientStats], object], str], ...] = (
    ("Workers", "count", lambda c: c.workers, "Processes that sent the load."),
    (
        "Lost workers",
        "",
        lambda c: ", ".join(c.lost_workers) or "none",
        "Workers that fell silent during the run; what they held may be missing.",
    ),
    (
        "Requests by address",
        "",
        lambda c: ", ".join(f"{address}: {n:,}" for address, n in c.addresses.items()) or "none",
        "The server's addresses that requests went to; a name may stand for several.",
    ),
    ("Recorder", "", lambda c: c.recorder, "What took the arrival times of the answers' bytes."),
    ("Clock", "", lambda c: c.clock, "Where those times come from; the kernel's are the truest."),
    (
        "CPU of the busiest worker",
        "share",
        lambda c: c.cpu_share_max,
        "Share of one core; near 100 % the client itself would add to the latencies.",
    ),
    (
        "CPU of its reading thread",
        "share",
        lambda c: c.reader_cpu_share_max,
        "Share of another core that recording the answers took.",
    ),
    ("Memory of the largest worker", "MB", lambda c: c.memory_max_mb, "Its peak during the run."),
    (
        "Open descriptors, max",
        "count",
        lambda c: c.descriptors_max,
        "Connections and files of one worker; `ulimit -n` bounds them.",
    ),
    (
        "Send lag, p99",
        "ms",
        lambda c: c.send_lag_ms.p99,
        "From due to sent, the opening of connections left out: what the client itself added.",
    ),
    (
        "Loop lag, p99",
        "ms",
        lambda c: c.loop_lag_ms.p99,
        "How late the client's event loop came round; a late loop sends late.",
    ),
    ("Loop lag, max", "ms", lambda c: c.loop_lag_ms.max, "The latest that it ever came round."),
    (
        "Merged reads",
        "share",
        lambda c: c.merged_reads_share,
        "Reads that held several arrivals: the gaps between those are not known one by one.",
    ),
    (
        "Longest collection pause",
        "ms",
        lambda c: c.gc_pause_max_ms,
        "Python's garbage collection stopped the client for at most this long.",
    ),
    (
        "Parse backlog, max",
        "count",
        lambda c: c.parse_backlog_max,
        "Finished answers that waited to be parsed; parsing waits until the loop is idle.",
    ),
    (
        "Forced parse turns",
        "count",
        lambda c: c.parse_turns_forced,
        "Times that parsing could wait no longer and took time from sending and receiving.",
    ),
    (
        "Unwritten records",
        "count",
        lambda c: c.unwritten_records,
        "Requests that were measured but could not be stored.",
    ),
)
_LICENCES = ("echarts.NOTICE", "echarts.LICENSE", "zrender.LICENSE", "d3.LICENSE", "tslib.LICENSE")
NOTHING = "\N{EN DASH}"
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def render(snapshot: Snapshot, summary: Summary) -> str:
    """The whole page as text: it needs no other file and makes no request."""
    library, script, style = asset("echarts.common.min.js"), asset("page.js"), asset("page.css")
    parts = {
        "csp": security_policy((library, script), style),
        "title": html.escape(page_title(snapshot)),
        "style": style,
        "library": library,
        "script": script,
        "licences": html.escape("\n\n".join(asset(f"{name}.txt").strip() for name in _LICENCES)),
        "echarts_version": json.loads(asset("vendor.json"))["packages"]["echarts"],
        "snapshot": embed(to_json(snapshot)),
        "view": embed(msgspec.json.encode(view(snapshot, summary))),
    }
    return _PLACEHOLDER.sub(lambda found: parts[found[1]], asset("page.html"))


@cache
def asset(name: str) -> str:
    """One file of the page's folder."""
    return (files("inferswarm.reports") / "page" / name).read_text(encoding="utf-8")


def embed(encoded: bytes) -> str:
    """JSON that cannot end the script element it stands in."""
    return encoded.decode().replace("<", "\\u003c")


def security_policy(scripts: Iterable[str], style: str) -> str:
    """A Content-Security-Policy under which only these inline texts run, and nothing is fetched."""
    allowed = " ".join(_digest(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def page_title(snapshot: Snapshot) -> str:
    """What the browser's tab says: the verdict, then what was measured."""
    what = known(snapshot, "model") or known(snapshot, "target") or "run"
    return f"{'VALID' if snapshot.verdict.valid else 'INVALID'} · {what} · inferswarm"


def view(snapshot: Snapshot, summary: Summary) -> Json:
    """Everything the page shows beyond the snapshot itself, in the order of the page."""
    return {
        "facts": facts(snapshot),
        "headline": headline(snapshot),
        "latency": latencies(snapshot),
        "timeline": timeline(summary),
        "distributions": [distribution(name, snapshot.metrics[name], summary) for name in CURVES],
        "prompts": prompts(summary),
        "metrics": [
            {key: getattr(metric, key) for key in ("name", "title", "sentence", "aliases")}
            for metric in METRICS
        ],
        "csv": metrics_csv(snapshot.metrics),
        "errors": errors(summary),
        "client": client(snapshot.client),
        "config": sections(snapshot),
    }


def known(snapshot: Snapshot, key: str) -> Any:
    """A fact of the run, from `run` or else from the first part of the configuration with it."""
    tiers = [snapshot.run, snapshot.config]
    tiers += [part for part in snapshot.config.values() if isinstance(part, dict)]
    found = (tier[key] for tier in tiers if key in tier and not isinstance(tier[key], dict))
    return next((value for value in found if value not in (None, "")), None)


def facts(snapshot: Snapshot) -> list[tuple[str, str]]:
    """(label, text) of what was run, leaving out what is not known."""
    given = {key: known(snapshot, key) for key in FACTS}
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
    rows = (
        ("Output tokens/s", rate.output_tokens_per_s, "", counted_by(tokens.output_by_source)),
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
            **{key: getattr(snapshot.metrics[name], key) for key in ("unit", "p50", "p95", "p99")},
        }
        for name, what in HEADLINE_LATENCIES.items()
    ]


def counted_by(sources: dict[str, int]) -> str:
    """Where token counts came from, the largest share first."""
    total = sum(sources.values())
    ranked = sorted(sources.items(), key=lambda item: -item[1])
    shares = [name if n == total else f"{name} {n / total:.1%}" for name, n in ranked if n]
    return f"counted by {', '.join(shares)}" if shares else "no tokens counted"


def client(stats: ClientStats) -> list[Json]:
    """How the load generator fared: each value with its unit and what it means."""
    return [
        {"title": title, "value": read(stats), "unit": unit, "sentence": sentence}
        for title, unit, read, sentence in CLIENT
    ]


def metrics_csv(metrics: dict[str, MetricStats]) -> str:
    """One line for each metric, full precision, empty where a number does not exist."""
    fields = MetricStats.__struct_fields__
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["metric", *fields])
    for name, stats in metrics.items():
        writer.writerow([name, *(getattr(stats, field) for field in fields)])
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
