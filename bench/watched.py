"""`python -m bench.watched`: what watching a run changes.

A standing master with two workers carries the same load several times: every other time five pages
of its web UI poll it and a scrape reads its metrics, once a second each. Shown are the workers' send
lag and loop lag, and what the master takes of a core.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import psutil

from bench import truth
from inferswarm.remote import MasterClient, MasterSilentError

CACHE = Path(__file__).parents[1] / "build" / "bench"
WEB, METRICS = "127.0.0.1:18089", "127.0.0.1:19646"
ROUTES = ("/inferswarm/view?after={after}", "/stats/requests")
"""What a page of the web UI asks for: ours and Locust's own."""
PACE = truth.Pace(ttft_us=20_000, itl_us=5_000)
INTERVAL_S = 1.0
SETTLED_S = 3.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One run: whether watched, answers to pages and scrapes, lags (ms), the master's CPU share."""

    watched: bool
    answers: int
    lags_ms: tuple[float, float, float, float]
    cpu: float
    valid: bool

    def __str__(self) -> str:
        p50, p99, most, loop = self.lags_ms
        return (
            f"{'watched' if self.watched else 'alone':8s} {self.answers:7d}   "
            f"{p50:6.3f}, {p99:6.3f}, {most:7.3f}   {loop:8.3f}   {self.cpu:10.1%}   "
            f"{'VALID' if self.valid else 'INVALID'}"
        )


class Watchers:
    """Pages and a scraper, each a thread that asks once a second; without pages nobody asks."""

    def __init__(self, pages: int) -> None:
        self.answers = 0
        self._over = threading.Event()
        asking = [[f"http://{WEB}{route}" for route in ROUTES]] * pages
        if pages:
            asking.append([f"http://{METRICS}/metrics"])
        self._threads = [threading.Thread(target=self._ask, args=(urls,)) for urls in asking]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, urls: list[str]) -> None:
        after = 0
        while not self._over.wait(INTERVAL_S):
            for url in urls:
                with urllib.request.urlopen(url.format(after=after), timeout=10) as answer:  # noqa: S310 - http
                    answer.read()
                self.answers += 1
            after = int(time.time() * 1000 - INTERVAL_S * 1000)


def arguments() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(prog="python -m bench.watched", description=__doc__)
    parser.add_argument("--rate", type=float, default=100, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--pages", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=3, help="runs alone, and as many watched")
    return parser.parse_args()


@contextmanager
def standing(target: str, scratch: Path) -> Iterator[tuple[MasterClient, psutil.Process]]:
    """A master with a web UI and two workers a run, and its load process."""
    words = ["--target", target, "--web", WEB, "--serve-metrics", METRICS, "--workers", "2"]
    words += ["--max-output-tokens", "16", "--runs", str(scratch / "runs")]
    with (scratch / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "inferswarm", "master", *words], stdout=log, stderr=log
        )
    try:
        client = MasterClient(f"http://{WEB}")
        while not _answers(client):
            if process.poll() is not None:
                raise truth.BenchError((scratch / "log").read_text(encoding="utf-8"))
            time.sleep(0.2)
        (master,) = psutil.Process(process.pid).children()
        yield client, master
    finally:
        process.terminate()
        process.wait(30)


def _answers(client: MasterClient) -> bool:
    try:
        return bool(client.state()["state"] == "idle")
    except MasterSilentError:
        return False


def measure(
    client: MasterClient, master: psutil.Process, load: Mapping[str, Any], pages: int
) -> Seen:
    """One run; the master's CPU is taken while the load goes on, without its start."""
    run = client.start(load)["id"]
    with Watchers(pages) as watchers:
        time.sleep(SETTLED_S)
        before, since = sum(master.cpu_times()[:2]), time.monotonic()
        while client.state()["state"] == "running":
            used, at = sum(master.cpu_times()[:2]), time.monotonic()
            time.sleep(INTERVAL_S)
    while client.state()["state"] != "idle":
        time.sleep(0.2)
    summary = json.loads((Path(client.run(run)["folder"]) / "summary.json").read_bytes())
    lag, loop = summary["metrics"]["send_lag"], summary["client"]["loop_lag_ms"]
    lags = (lag["p50"], lag["p99"], lag["max"], loop["p99"])
    valid = summary["verdict"]["valid"]
    return Seen(bool(pages), watchers.answers, lags, (used - before) / (at - since), valid)


def main() -> None:
    """Measure in turns and print a line for each run."""
    asked = arguments()
    load = {
        "arrivals": {"rate": f"{asked.rate:g}/s"},
        "load": {"duration": f"{asked.seconds:g}s"},
    }
    print("           asked   send lag p50, p99, max ms   loop lag p99   master's core   verdict")
    with (
        TemporaryDirectory() as scratch,
        truth.running(truth.build(CACHE), PACE, Path(scratch) / "truth.log") as target,
        standing(target, Path(scratch)) as (client, master),
    ):
        for pages in (0, asked.pages) * asked.pairs:
            print(measure(client, master, load, pages), flush=True)


if __name__ == "__main__":
    main()
