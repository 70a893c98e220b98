"""`results.txt`: a run in the sections of the old benchmark tool's results file, for those who read it.

Times are of whole answers (E2E) of successful requests, in ms.
"""

from collections.abc import Iterator
from statistics import mean

from inferswarm.reports.text import number
from inferswarm.snapshot import Snapshot
from inferswarm.telemetry.values import Collected

_COLUMNS = ("Requests", "Failures", "Average", "Min", "Max", "Median", "Requests/s", "Failures/s")
_PERCENTILES = ("p50", "p75", "p90", "p95", "p99", "p99_9")


def results(shot: Snapshot, server: Collected) -> str:
    """The whole file."""
    return "\n".join([*_test(shot), "", *_statistics(shot), "", *_metrics(server), ""])


def _test(shot: Snapshot) -> Iterator[str]:
    run, load = shot.run, shot.config.get("load", {})
    yield f"Test duration: {shot.window.run_s:.1f} s"
    yield f"Start: {run.get('started', '-')}"
    yield f"End: {run.get('ended', '-')}"
    yield f"Users: {run.get('arrivals') or run.get('users', '-')}"
    yield f"Rate: {load.get('spawn_rate', '-')} users started"
    yield f"Verdict: {'VALID' if shot.verdict.valid else 'INVALID'}"
    yield from (f"  - {reason}" for reason in shot.verdict.reasons)


def _statistics(shot: Snapshot) -> Iterator[str]:
    e2e, requests, seconds = shot.metrics["e2e"], shot.requests, shot.window.run_s
    times = (e2e.mean, e2e.min, e2e.max, e2e.p50)
    rates = [count / seconds if seconds else 0.0 for count in (requests.attempted, requests.failed)]
    row = [
        f"{requests.attempted:,}",
        f"{requests.failed:,}",
        *map(number, times),
        *map(number, rates),
    ]
    name = f"{shot.run.get('backend', '')} {shot.run.get('api', '')}".strip()
    yield "Locust statistics"
    yield f"{'Name':<28}" + "".join(f"{column:>12}" for column in _COLUMNS)
    yield f"{name:<28}" + "".join(f"{cell:>12}" for cell in row)
    known = [one for one in _PERCENTILES if hasattr(e2e, one)]
    yield f"{'Response time percentiles':<28}" + "".join(f"{one:>12}" for one in known)
    yield " " * 28 + "".join(f"{number(getattr(e2e, one)):>12}" for one in known)


def _metrics(server: Collected) -> Iterator[str]:
    yield "Metrics"
    for line in server.series:
        values = [value for _, value in line.points]
        labels = " ".join(f"{name}={value}" for name, value in line.labels.items())
        title = " ".join(filter(None, [line.panel, line.title, labels]))
        unit = f" {line.unit}" if line.unit else ""
        yield f"{title}: mean {number(mean(values))}{unit}, max {number(max(values))}{unit}"
    yield from (f"not known: {note}" for note in server.notes)
    if not (server.series or server.notes):
        yield "none were asked for"
