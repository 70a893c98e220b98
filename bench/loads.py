"""The loads of a bench, each against a server of a known pace."""

from dataclasses import dataclass, replace

from bench.truth import Pace

LIKE_A_SERVER = Pace(ttft_us=50_000, itl_us=20_000)
AS_FAST_AS_POSSIBLE = Pace()


@dataclass(frozen=True, slots=True)
class Load:
    """`users` clients that ask without a pause, for `duration_s` or until `requests` were answered.

    With `rate_per_s` it is an open loop: so many requests a second, Poisson, whoever answers.
    """

    name: str
    title: str
    users: int
    pace: Pace = LIKE_A_SERVER
    stream: bool = True
    tokens: int = 64
    duration_s: float = 10.0
    requests: int | None = None
    kind: str = "speed"
    rate_per_s: int = 0


def _streams(users: int, duration_s: float = 10.0) -> Load:
    title = f"{users:,} streams, TTFT 50 ms, ITL 20 ms, 64 tokens"
    return Load(f"stream{users}", title, users, duration_s=duration_s)


def _open(rate_per_s: int) -> Load:
    title = f"open loop, Poisson {rate_per_s:,}/s, streamed, TTFT 5 ms, ITL 1 ms, 16 tokens"
    pace = Pace(ttft_us=5_000, itl_us=1_000)
    name = f"open{rate_per_s}"
    return Load(name, title, 1, pace=pace, tokens=16, kind="open", rate_per_s=rate_per_s)


LOADS = (
    _streams(64),
    _streams(256),
    _streams(1000),
    _streams(2000, 15.0),  # the slower clients need it for a few rounds
    Load("fast64", "64 streams, as fast as possible, 64 tokens", 64, pace=AS_FAST_AS_POSSIBLE),
    Load(
        "plain64",
        "64 requests in flight, not streamed, as fast as possible, 16 tokens",
        64,
        pace=AS_FAST_AS_POSSIBLE,
        stream=False,
        tokens=16,
    ),
    _open(200),
    _open(2000),
    Load(
        "start",
        "start to first request (1 stream, 3 requests)",
        1,
        pace=Pace(1_000, 0),
        tokens=4,
        requests=3,
        kind="start",
    ),
    Load(
        "memory",
        "memory over 10,000 streamed requests of 128 tokens, 64 in flight",
        64,
        pace=AS_FAST_AS_POSSIBLE,
        tokens=128,
        requests=10_000,
        kind="memory",
    ),
)


def quick(load: Load) -> Load:
    """The same load, shorter: good for a look, not for a figure to quote."""
    if load.kind == "memory":
        return replace(load, requests=3_000)
    return replace(load, duration_s=8.0 if load.users >= 1000 else 4.0)
