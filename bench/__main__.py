"""`python -m bench`: all clients beside each other, in one table."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import machine, report, truth
from bench.clients.row import Client
from bench.clients.table import clients, install
from bench.figures import Figures
from bench.loads import LOADS, Load, quick
from bench.measure import Bench, measure, revision
from bench.peers import table as tools
from bench.report import Row

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
    parser.add_argument("--peers", action="store_true", help="also the known benchmark tools")
    parser.add_argument(
        "--peer-python",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="an interpreter that has one of these tools; repeatable",
    )
    parser.add_argument(
        "--install",
        action="append",
        default=[],
        metavar="NAME",
        help=f"only make the environment of aiohttp, {tools.names()}; repeatable",
    )
    parser.add_argument("--install-peers", action="store_true", help="the same for all tools")
    parser.add_argument("--keep", type=Path, help="folder to keep every run's files in")
    return parser.parse_args()


def chosen(
    only: Sequence[str], own: Sequence[Client], peers: Sequence[Client], *, short: bool, all_: bool
) -> tuple[list[Client], list[Load]]:
    """Clients and loads that `--only` leaves; naming none of a kind leaves all, peers if `all_`."""
    every = [*own, *peers]
    loads = [load for load in LOADS if load.name in only] or list(LOADS)
    rows = [client for client in every if client.name in only] or list(every if all_ else own)
    known = {load.name for load in LOADS} | {client.name for client in every}
    if unknown := set(only) - known:
        raise truth.BenchError(f"--only {min(unknown)}: not one of {', '.join(sorted(known))}")
    return rows, [quick(load) if short else load for load in loads]


def readied(rows: Sequence[Client]) -> dict[str, str]:
    """Why each row that cannot be measured here cannot; the others are made ready."""
    problems = {}
    for client in rows:
        try:
            if why := client.missing():
                problems[client.name] = why
            else:
                client.prepare()
        except (truth.BenchError, OSError, subprocess.SubprocessError) as error:
            problems[client.name] = str(error)
    for name, why in problems.items():
        progress(f"not measured: {name}: {why}")
    return problems


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
    bench: Bench,
    rows: Sequence[Client],
    loads: Sequence[Load],
    runs: int,
    problems: Mapping[str, str],
) -> dict[str, dict[str, Row]]:
    """Every row under every load, `runs` times; clients take turns, so that drift hits all alike."""
    results = {
        load.name: {
            client.name: Row(problem=problems.get(client.name, ""))
            for client in rows
            if client.plays(load)
        }
        for load in loads
    }
    for run in range(runs):
        for load in loads:
            able = [
                one for one in rows if one.name in results[load.name] and one.name not in problems
            ]
            turn = run % max(1, len(able))
            for client in [*able[turn:], *able[:turn]]:
                row = results[load.name][client.name]
                row.runs.append(play_one(bench, client, load, run, row))
                said = f"run {run + 1}/{runs} {load.name} {client.name}"
                progress(f"{said} {brief(row.runs[-1])}")
    return results


def play_one(bench: Bench, client: Client, load: Load, run: int, row: Row) -> Figures:
    """One run; what went wrong is said, also to its row, and costs only this run."""
    others = machine.busy(bench.client_cores | bench.server_cores)
    if others > BUSY_LIMIT:
        progress(f"the machine is busy ({others:.0%} of both cores): these figures are disturbed")
    out = bench.scratch / f"{load.name}-{client.name}-{run}"
    out.mkdir(parents=True)
    try:
        found = measure(bench, client, load, out)
    except (truth.BenchError, OSError, ValueError) as error:
        row.problem = str(error)
    else:
        if load.kind in ("speed", "open") and "core_share" not in found:
            row.problem = "too few answers for the figures of a window"
        if found:
            return found | {"busy_before": others}
    progress(f"{load.name} {client.name}: {row.problem}")
    return {}


def brief(found: Figures) -> str:
    """The figures of one run that a person looks at first."""
    shown = ("cpu_us_per_chunk", "cpu_us_per_request", "ttft_error_mean_ms", "start_s")
    return " ".join(f"{name}={found[name]:.2f}" for name in shown if name in found)


def execute(parsed: argparse.Namespace) -> None:
    """Build, play, print, keep."""
    cache: Path = parsed.cache
    peers = tools.peers(cache, dict(named(word) for word in parsed.peer_python))
    own = clients(cache, parsed.aiohttp_python)
    rows, loads = chosen(parsed.only, own, peers, short=parsed.quick, all_=parsed.peers)
    problems = readied(rows)
    server, client = cores()
    before = revision()
    scratch = parsed.keep or Path(tempfile.mkdtemp(prefix="inferswarm-bench-"))
    try:
        bench = Bench(truth.build(cache), scratch, server, client)
        runs = 1 if parsed.quick else parsed.runs
        with machine.pinned(server):
            results = play(bench, rows, loads, runs, problems)
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
        "peers": {peer.name: peer.version() for peer in peers if peer in rows},
        "sources": before,
        "sources_at_end": revision(),
    }
    show(loads, results)
    path = parsed.json or cache / "results.json"
    path.write_text(json.dumps(report.as_json(loads, results, told), indent=2) + "\n")
    progress(f"all figures: {path}")


def named(word: str) -> tuple[str, str]:
    """NAME=PATH in two; raises BenchError."""
    name, equals, path = word.partition("=")
    if not (name and equals and path):
        raise truth.BenchError(f"--peer-python {word}: NAME=PATH is wanted")
    return name, path


def make(parsed: argparse.Namespace) -> None:
    """The environments that were asked for; raises BenchError."""
    wanted = [*parsed.install, *(tools.names().split(", ") if parsed.install_peers else [])]
    known = {"aiohttp", *tools.names().split(", ")}
    if unknown := set(wanted) - known:
        raise truth.BenchError(f"--install {min(unknown)}: not one of {', '.join(sorted(known))}")
    if "aiohttp" in wanted:
        install(parsed.cache)
    tools.install(parsed.cache, wanted)
    progress(f"made; now: python -m bench {' '.join(f'--only {name}' for name in wanted)}")


def show(loads: Sequence[Load], results: dict[str, dict[str, Row]]) -> None:
    """The tables on stdout, what is doubtful on stderr."""
    for load in loads:
        if not results[load.name]:
            continue
        print(report.table(load, results[load.name]))
        for warning in report.warnings(load, results[load.name]):
            progress(f"doubtful: {warning}")


def main() -> int:
    """The exit code: 0, 1 when it could not run, 130 when interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clients must not outlive us
    try:
        parsed = arguments()
        if parsed.install or parsed.install_peers:
            make(parsed)
        else:
            execute(parsed)
    except (truth.BenchError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
