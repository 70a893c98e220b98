"""Points of an invented sweep: rates, some of which missed a goal or were INVALID."""

from msgspec.structs import replace

from inferswarm.goals.judge import judged
from inferswarm.goals.parse import read_goals
from inferswarm.limits.points import SCHEMA, Point, Sweep, point_of
from inferswarm.limits.search import Found
from inferswarm.snapshot import take
from inferswarm.summary import Summary
from inferswarm.verdict import Client, with_more
from inferswarm.window import so_far
from tests.builders import MS, START_NS, record

SLO = ("ttft.p95<500ms", "itl.p99<1s")
RUN = {"target": "http://10.0.0.12:8000", "model": "</script><img src=x>", "duration": "20s"}


def point(
    load: float, ttft_ms: int = 200, *, reasons: tuple[str, ...] = (), count: int = 40
) -> Point:
    """A run whose requests all waited so long for their first token."""
    summary = Summary()
    for k in range(count):
        chunks = [ttft_ms * MS, (ttft_ms + 100) * MS, (ttft_ms + 200) * MS]
        sent_ns = START_NS + k * 10 * MS
        end_ns = sent_ns + chunks[-1]
        summary.add(record(k=k, due_ns=sent_ns, sent_ns=sent_ns, end_ns=end_ns, chunk_ns=chunks))
    shot = take(summary, Client(clock="kernel"))
    shot = replace(shot, verdict=with_more(shot.verdict, list(reasons), []))
    return point_of(
        load, f"folder-{load:g}", judged(shot, read_goals(SLO, ()).slo, None, so_far(summary))
    )


def sweep(*points: Point, found: Found | None = None, said: str = "") -> Sweep:
    """A sweep of these points."""
    return Sweep(SCHEMA, "x", "rate", "/s", RUN, list(points), list(SLO), found, said)
