"""`python -m bench.master`: what a master costs with many workers, and whether that grows.

For each rate of requests, workers of `bench.simulated_workers` report for a while. Shown are the
master's CPU and memory: neither may grow with the number of requests that were reported before.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from inferswarm.config.sources import Given, resolve
from inferswarm.config.tree import RunConfig
from inferswarm.prompts import Prompt
from inferswarm.runs import LocalRun
from inferswarm.scales import BYTES_PER_MB

SETTLED_S = 10.0
TOKEN = "bench"  # noqa: S105 - of a master on loopback that measures nothing


@dataclass(frozen=True, slots=True)
class Cost:
    """What the master took: CPU seconds a second early and late, memory early and late, requests."""

    requests: int
    early_cpu: float
    late_cpu: float
    early_mb: float
    late_mb: float


def arguments() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(prog="python -m bench.master", description=__doc__)
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--rates", default="500,2000", help="requests a second, in all")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each answer")
    parser.add_argument("--seconds", type=float, default=60.0)
    return parser.parse_args()


def measure(workers: int, rate_per_s: float, tokens: int, seconds: float, scratch: Path) -> Cost:
    """One master with these reports."""
    config = resolve(
        RunConfig,
        [
            Given("target.url", "http://127.0.0.1:9", "bench"),
            Given("arrivals.rate", "1/s", "bench"),
            Given("load.duration", f"{seconds + 5:g}s", "bench"),
            Given("load.workers", 0, "bench"),
            Given("load.remote_workers", workers, "bench"),
            Given("load.bind", "127.0.0.1:15557", "bench"),
        ],
    )
    plan = {
        "token": TOKEN,
        "run": "bench",
        "config": config.model_dump(mode="json"),
        "prompts": [Prompt("none")],
        "model": "none",
        "records": str(scratch),
    }
    with LocalRun(plan, 0, scratch / "log") as run:
        return _follow(run, [str(workers), str(rate_per_s), str(tokens)], seconds)


def _follow(run: LocalRun, told: list[str], seconds: float) -> Cost:
    samples: list[tuple[float, float, float]] = []
    simulated: subprocess.Popen[bytes] | None = None
    requests = 0
    process = psutil.Process(run.pids[0])
    started_s = 0.0
    try:
        for event in run.events():
            if event["event"] == "listening":
                simulated = _start(["127.0.0.1:15557", TOKEN, *told])
            elif event["event"] == "started":
                started_s = time.monotonic()
            elif event["event"] == "snapshot":
                requests = event["snapshot"]["requests"]["attempted"]
                cpu = process.cpu_times()
                memory_mb = process.memory_info().rss / BYTES_PER_MB
                samples.append((time.monotonic() - started_s, cpu.user + cpu.system, memory_mb))
                if samples[-1][0] > seconds:
                    run.stop()
    finally:
        if simulated is not None and simulated.stdin is not None:
            simulated.stdin.close()
            simulated.wait(10)
    return _cost(samples, requests)


def _start(told: list[str]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.simulated_workers"], stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(" ".join(told).encode() + b"\n")
    process.stdin.flush()
    return process


def _cost(samples: list[tuple[float, float, float]], requests: int) -> Cost:
    """The ten seconds after settling beside the last ten."""
    end_s = samples[-1][0]
    early = [one for one in samples if SETTLED_S <= one[0] <= 2 * SETTLED_S]
    late = [one for one in samples if one[0] >= end_s - SETTLED_S]

    def share(part: list[tuple[float, float, float]]) -> float:
        return (part[-1][1] - part[0][1]) / (part[-1][0] - part[0][0])

    return Cost(requests, share(early), share(late), early[-1][2], late[-1][2])


def main() -> None:
    """Measure each rate and print a line for it."""
    asked = arguments()
    print("workers  requests/s  requests   CPU early, late      memory early, late")
    for rate in asked.rates.split(","):
        with TemporaryDirectory() as scratch:
            cost = measure(asked.workers, float(rate), asked.tokens, asked.seconds, Path(scratch))
        print(
            f"{asked.workers:7d}  {float(rate):10g}  {cost.requests:8,d}   "
            f"{cost.early_cpu:9.1%}, {cost.late_cpu:.1%}   {cost.early_mb:8.1f}, {cost.late_mb:.1f} MB"
        )


if __name__ == "__main__":
    main()
