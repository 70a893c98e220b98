"""`python -m bench`: all clients beside each other, in one table."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import machine, report, truth
from bench.clients.row import Client
from bench.clients.table import clients, install
from bench.figures import Figures
from bench.loads import LOADS, Load, quick
from bench.measure import Bench, measure, revision

ROOT = Path(__file__).parents[1]
BUSY_LIMIT = 0.1


def arguments() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each row; medians are shown")
    parser.add_argument("--quick", action="store_true", help="one short run each: a smoke test")
    parser.add_argument("--only", action="append", default=[], help="load or client; repeatable")
    parser.add_argument("--json", type=Path, help="result file (default: build/bench/results.json)")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--aiohttp-python", help="an interpreter that has aiohttp")
    parser.add_argument("--install", action="store_true", help="install aiohttp for its row")
    parser.add_argument("--keep", type=Path, help="folder to keep every run's files in")
    return parser.parse_args()


def chosen(
    only: Sequence[str], every: Sequence[Client], *, short: bool
) -> tuple[list[Client], list[Load]]:
    """Clients and loads that `--only` leaves; naming none of a kind leaves all of it."""
    loads = [load for load in LOADS if load.name in only] or list(LOADS)
    rows = [client for client in every if client.name in only] or list(every)
    known = {load.name for load in LOADS} | {client.name for client in every}
    if unknown := set(only) - known:
        raise truth.BenchError(f"--only {min(unknown)}: not one of {', '.join(sorted(known))}")
    return rows, [quick(load) if short else load for load in loads]


def available(rows: Sequence[Client]) -> list[Client]:
    """Rows that can be measured here; why not is said."""
    found = []
    for client in rows:
        if why := client.missing():
            progress(f"left out: {client.name}: {why}")
        else:
            found.append(client)
    return found


def cores() -> tuple[set[int], set[int]]:
    """(the server's and this process's, the clients'); raises BenchError with one core."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise truth.BenchError("two cores are needed: one for the server, one for the client")
    return {allowed[0]}, {allowed[1]}


def progress(line: str) -> None:
    """For the person who waits."""
    print(f"[{time.strftime('%H:%M:%S')}] {line}", file=sys.stderr, flush=True)


def play(
    bench: Bench, rows: Sequence[Client], loads: Sequence[Load], runs: int
) -> dict[str, dict[str, list[Figures]]]:
    """Every row under every load, `runs` times; clients take turns, so that drift hits all alike."""
    results: dict[str, dict[str, list[Figures]]] = {
        load.name: {client.name: [] for client in rows} for load in loads
    }
    total, number = runs * len(loads) * len(rows), 0
    for run in range(runs):
        for load in loads:
            turn = run % len(rows)
            for client in [*rows[turn:], *rows[:turn]]:
                number += 1
                found = play_one(bench, client, load, run)
                if found:
                    results[load.name][client.name].append(found)
                progress(f"{number}/{total} {load.name} {client.name} {brief(found)}")
    return results


def play_one(bench: Bench, client: Client, load: Load, run: int) -> Figures:
    """One run; what went wrong is said and costs only this run."""
    others = machine.busy(bench.client_cores | bench.server_cores)
    if others > BUSY_LIMIT:
        progress(f"the machine is busy ({others:.0%} of both cores): these figures are disturbed")
    out = bench.scratch / f"{load.name}-{client.name}-{run}"
    out.mkdir(parents=True)
    try:
        return measure(bench, client, load, out) | {"busy_before": others}
    except (truth.BenchError, OSError, ValueError) as error:
        progress(f"{load.name} {client.name}: {error}")
        return {}


def brief(found: Figures) -> str:
    """The figures of one run that a person looks at first."""
    shown = ("cpu_us_per_chunk", "cpu_us_per_request", "ttft_error_mean_ms", "start_s")
    return " ".join(f"{name}={found[name]:.2f}" for name in shown if name in found)


def execute(parsed: argparse.Namespace) -> None:
    """Build, play, print, keep."""
    cache: Path = parsed.cache
    if parsed.install:
        install(cache)
    rows, loads = chosen(parsed.only, clients(cache, parsed.aiohttp_python), short=parsed.quick)
    rows = available(rows)
    server, client = cores()
    before = revision()
    scratch = parsed.keep or Path(tempfile.mkdtemp(prefix="inferswarm-bench-"))
    try:
        bench = Bench(truth.build(cache), scratch, server, client)
        runs = 1 if parsed.quick else parsed.runs
        with machine.pinned(server):
            results = play(bench, rows, loads, runs)
    finally:
        if not parsed.keep:
            shutil.rmtree(scratch, ignore_errors=True)
    account = machine.open_account()
    account.close()
    if revision() != before:
        progress(
            "doubtful: inferswarm's sources changed meanwhile; its rows are not of one version"
        )
    told = {
        "load_average": os.getloadavg(),
        "cpu_account": account.kind,
        "cores": os.cpu_count(),
        "sources": before,
        "sources_at_end": revision(),
    }
    show(loads, results)
    path = parsed.json or cache / "results.json"
    path.write_text(json.dumps(report.as_json(loads, results, told), indent=2) + "\n")
    progress(f"all figures: {path}")


def show(loads: Sequence[Load], results: dict[str, dict[str, list[Figures]]]) -> None:
    """The tables on stdout, what is doubtful on stderr."""
    for load in loads:
        print(report.table(load, results[load.name]))
        for warning in report.warnings(load, results[load.name]):
            progress(f"doubtful: {warning}")


def main() -> int:
    """The exit code: 0, 1 when it could not run, 130 when interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clients must not outlive us
    try:
        execute(arguments())
    except truth.BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
