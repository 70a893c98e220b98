"""Records of an invented run, as a closed loop of users against a busy server would leave them."""

from collections.abc import Iterator
from random import Random

from msgspec.structs import replace

from inferswarm.exchange import Outcome
from inferswarm.records import Record
from inferswarm.snapshot import Snapshot, take
from inferswarm.summary import Summary
from inferswarm.verdict import Client

MS = 1_000_000
S = 1_000_000_000
START_NS = 1_770_000_000 * S + 620 * MS
STALL_S = (70, 78)
HOSTILE = '{"error": "</script><img src=x onerror=alert(1)><!-- boom"}'
FAILURES = (
    (Outcome.HTTP_STATUS, 429, 0.012, "Too Many Requests", '{"error": "queue is full"}'),
    (Outcome.HTTP_STATUS, 500, 0.004, "Internal Server Error", HOSTILE),
    (Outcome.TIMEOUT_FIRST_BYTE, 0, 0.003, "no byte within 5s", ""),
    (Outcome.STREAM_ERROR, 200, 0.003, "KV cache is full", 'data: {"error": "KV cache is full"}'),
    (Outcome.TRUNCATED, 200, 0.002, "connection closed after 41 events", 'data: {"choices": []}'),
    (Outcome.CONNECT, 0, 0.002, "connection refused", ""),
)
FAILED_AFTER_NS = {Outcome.HTTP_STATUS: 30 * MS, Outcome.TIMEOUT_FIRST_BYTE: 5 * S}
RUN = {
    "id": "2026-02-02-lively-heron",
    "started": "2026-02-02T02:40:00+00:00",
    "target": "http://10.0.0.12:8000",
    "backend": "vllm",
    "api": "chat",
    "model": "meta-llama/Llama-3.1-8B-Instruct",
    "duration_s": 120.0,
    "users": 64,
    "simulated": False,
    "inferswarm_version": "0.1.0",
    "notes": [],
}
CONFIG = {
    "seed": 7,
    "target": {"url": "http://10.0.0.12:8000", "backend": "vllm", "headers": {"x-team": "search"}},
    "load": {"users": 64, "ramp": "8s", "duration": "2m", "grace": "30s"},
    "prompts": {"source": "synthetic", "input_tokens": [200, 2000], "output_tokens": 150},
    "timeouts": {"connect": "5s", "first_byte": "5s", "idle": "30s", "total": None},
}


def records(
    *, users: int = 64, ramp_s: float = 8, duration_s: float = 120, seed: int = 7
) -> Iterator[Record]:
    """One record after another, user by user; each user waits for its answer before the next."""
    k = 0
    for user in range(users):
        draw = Random(seed * 100_003 + user)
        now_ns = START_NS + round(user * ramp_s / users * S)
        while now_ns < START_NS + duration_s * S:
            record = _one(k, user % 2, now_ns, draw)
            yield record
            k += 1
            now_ns = record.end_ns + round(draw.uniform(2, 60) * MS)


def successes(count: int, *, streamed: bool = True) -> list[Record]:
    """That many records without a failure."""
    draw = Random(3)
    return [_success(k, 0, START_NS + k * S // 4, draw, streamed=streamed) for k in range(count)]


def uncounted(count: int) -> list[Record]:
    """Successes of a server that does not say how many tokens it read."""
    return [replace(record, input_tokens=None, input_source="") for record in successes(count)]


def told(count: int, *, streamed: bool = True, **server_ns: int) -> list[Record]:
    """Successes of which the server told these times of its own."""
    return [replace(one, server_ns=server_ns) for one in successes(count, streamed=streamed)]


def refused() -> Record:
    """A request that ended in the instant in which it was due."""
    return replace(failure(), outcome=Outcome.CONNECT, status=0, sent_ns=0, end_ns=START_NS)


def failure(k: int = 0, due_ns: int = START_NS) -> Record:
    """A request answered with HTTP 500 and a hostile body."""
    return _failure(k, 0, due_ns, FAILURES[1])


def summary_of(made: Iterator[Record] | list[Record]) -> Summary:
    """The summary of these records."""
    summary = Summary()
    for record in made:
        summary.add(record)
    return summary


def client(draw: Random | None = None) -> Client:
    """A client in good health."""
    health = Client(
        workers=2,
        recorder="reader thread",
        clock="kernel",
        cpu_share_max=0.41,
        memory_max_bytes=183_000_000,
        parse_backlog_max=6,
    )
    draw = draw or Random(1)
    for _ in range(2_000):
        health.loop_lag.add(round(draw.lognormvariate(-1.5, 0.7) * MS))
    return health


def snapshot_of(summary: Summary, **run: object) -> Snapshot:
    """Its snapshot, with `run` changed as said."""
    return take(summary, client(), run=RUN | run, config=CONFIG)


def _one(k: int, worker: int, due_ns: int, draw: Random) -> Record:
    dice = draw.random()
    for kind in FAILURES:
        if dice < kind[2]:
            return _failure(k, worker, due_ns, kind)
        dice -= kind[2]
    return _success(k, worker, due_ns, draw, streamed=True)


def _failure(
    k: int, worker: int, due_ns: int, kind: tuple[Outcome, int, float, str, str]
) -> Record:
    outcome, status, _, detail, body = kind
    return Record(
        k=k,
        worker=worker,
        due_ns=due_ns,
        sent_ns=0 if outcome is Outcome.CONNECT else due_ns + MS // 5,
        end_ns=due_ns + FAILED_AFTER_NS.get(outcome, 900 * MS),
        outcome=outcome,
        status=status,
        detail=detail,
        body_head=body,
    )


def _success(k: int, worker: int, due_ns: int, draw: Random, *, streamed: bool) -> Record:
    at_s = (due_ns - START_NS) / S
    stalled = STALL_S[0] <= at_s < STALL_S[1]
    asked = round(draw.triangular(200, 2_000, 600))
    usual_ms = (60 + asked * 0.12) * draw.lognormvariate(0, 0.28)
    first_ns = round(usual_ms * (4 if stalled else 1) * MS)
    gap_ms = (16 + 5 * min(at_s / 8, 1)) * (1.7 if stalled else 1)
    chunks = [first_ns]
    for _ in range(round(draw.triangular(40, 220, 150)) - 1):
        slow = 6 if draw.random() < 0.004 else 1
        chunks.append(chunks[-1] + round(gap_ms * draw.lognormvariate(0, 0.12) * slow * MS))
    sent_ns = due_ns + round(draw.lognormvariate(-1.6, 0.5) * MS)
    return Record(
        k=k,
        worker=worker,
        due_ns=due_ns,
        sent_ns=sent_ns,
        end_ns=sent_ns + chunks[-1] + 300_000,
        outcome=Outcome.OK,
        status=200,
        streamed=streamed,
        prompt_chars=asked * 4,
        connect_ns=draw.randrange(180_000, 420_000) if at_s < 8 else None,
        chunk_ns=chunks if streamed else chunks[-1:],
        input_tokens=asked,
        input_source="server_usage",
        output_tokens=len(chunks),
        output_source="server_usage",
        reads=len(chunks) + 1,
        merged_reads=draw.random() < 0.3,
        bytes_in=len(chunks) * 210,
        bytes_out=asked * 4 + 300,
    )
