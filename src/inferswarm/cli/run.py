"""`inferswarm run`: load a server, watch, and get a verdict and a report folder."""

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
from rich.console import Console

from inferswarm.adapters.table import Route, route, wanted
from inferswarm.calibration import store
from inferswarm.cli import report
from inferswarm.cli.arguments import add_options, add_sources, configuration, values_of_file
from inferswarm.cli.view import View, complain, open_console, view_for
from inferswarm.config.simulator import Backend
from inferswarm.config.sources import Given, from_environment
from inferswarm.config.tree import RunConfig
from inferswarm.errors import (
    EXIT_GOAL_MISSED,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_RUN_INVALID,
    EXIT_TARGET,
    InputError,
    LoadProcessError,
    StorageError,
)
from inferswarm.goals.judge import all_met
from inferswarm.goals.parse import read_goals
from inferswarm.probe import find_model
from inferswarm.prompts import Prompt
from inferswarm.prompts.text import read_prompts
from inferswarm.reports import build, text
from inferswarm.runs import LocalRun
from inferswarm.secret import new_token, read_token
from inferswarm.simulator.process import RunningSimulator
from inferswarm.snapshot import Snapshot
from inferswarm.storage import (
    RunFolder,
    compress_closed_parts,
    describe,
    write_description,
    write_file,
    write_run,
)
from inferswarm.summary import Summary
from inferswarm.verdict import ALL_LOST, GAVE_UP

NAME = "run"
SUMMARY = "Load an inference server and report what its users would feel."
EXAMPLES = """examples:
  inferswarm run
  inferswarm run --target http://localhost:8000 --backend vllm --model NAME \\
      --prompts prompts.txt --users 32 --spawn-rate 8 --duration 60s \\
      --max-output-tokens 128 --out runs/x
  inferswarm run --target localhost:8000 --api chat --requests 500 --users 16
  inferswarm run --config bench.yaml --set timeouts.first_byte=2m
  inferswarm run --target localhost:8000 --slo 'ttft.p95<500ms' --slo 'error_rate<1%'
"""
SECTIONS = ("target", "prompts", "request", "load", "arrivals", "goals", "output")
COMPRESS_INTERVAL_S = 30.0
SAID_LIMIT = 200
ENDING = ("reason", "attempted", "load_ended_ns")
"""What `run.json` keeps of the master's last word."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHOW_CURSOR = b"\x1b[?25h"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the common options, and the sources of all of them."""
    add_options(parser, RunConfig, SECTIONS)
    add_sources(parser)
    parser.add_argument(
        "--require-valid", action="store_true", help="Exit with code 3 when the verdict is INVALID."
    )


def execute(parsed: argparse.Namespace) -> int:
    """Check everything that can be checked, then load, then report."""
    return carry_out(parsed, [])


def carry_out(parsed: argparse.Namespace, defaults: list[Given]) -> int:
    """A run; `defaults` give way to everything that the user says."""
    console = open_console()
    config = configuration(RunConfig, parsed, [*defaults, *values_of_file(parsed)])
    ready = prepare(config, console)
    with target(ready.config, console) as config:
        loaded = load_once(ready, config, console, console)
    return _finish(loaded, console, require_valid=parsed.require_valid)


@dataclass(frozen=True, slots=True)
class Ready:
    """A run that was checked as far as that can be done without its target."""

    config: RunConfig
    way: Route
    prompts: list[Prompt]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run whose load has ended: its folder, the master's last word, whether somebody interrupted."""

    folder: RunFolder
    ended: dict[str, Any]
    interrupted: bool

    @property
    def trouble(self) -> str:
        """What broke on our side, if anything did."""
        lost = self.ended.get("reason") == ALL_LOST
        return str(self.ended.get("trouble") or (ALL_LOST if lost else ""))


def prepare(config: RunConfig, console: Console) -> Ready:
    """Check everything that can be checked before anything is started; raises InputError."""
    read_goals(config.goals.slo, config.goals.goodput)
    if variables := from_environment(RunConfig, os.environ):
        names = ", ".join(one.origin.removeprefix("environment ") for one in variables)
        console.print(f"options from the environment: {names}", markup=False, soft_wrap=True)
    way = route(config.target.backend, config.target.api)
    config = config if config.target.url else _simulated(config, way)
    wanted(config.request, way, config.target.model, stream=config.target.stream)
    return Ready(config, way, read_prompts(config.prompts.source))


def load_once(ready: Ready, config: RunConfig, console: Console, screen: Console) -> Loaded:
    """Carry out one run of `config`, whose target is there, into a folder of its own.

    What is to be known goes to `console`, the live view to `screen`.
    """
    way = ready.way
    model = find_model(config, way.adapter)
    run = describe(config, way.api, model) | {
        "users": config.load.users,
        "arrivals": config.arrivals.told,
        "workers": config.load.workers,
        "prompts": len(ready.prompts),
        "simulated": not ready.config.target.url,
    }
    folder = RunFolder.create(config.output.out or Path("runs") / run["id"])
    write_description(folder, config, run)
    _announce(console, run, folder)
    plan = {
        "token": _token(config, console),
        "run": run["id"],
        "config": config.model_dump(mode="json"),
        "prompts": ready.prompts,
        "model": model,
        "records": str(folder.records.resolve()),
    }
    ended, interrupted = _load(plan, config, folder, screen)
    _write_end(folder, run | _calibration(config, ended), ended)
    _compress(folder, all_parts=True)
    return Loaded(folder, ended, interrupted)


def _token(config: RunConfig, console: Console) -> str:
    """What workers must know; those of other machines are told how to join."""
    given = read_token() if config.load.bind else ""
    token = given or new_token()
    if config.load.bind:
        shown = "..." if given else token
        console.print(
            f"waiting for {config.load.remote_workers} workers at {config.load.bind}: "
            f"INFERSWARM_TOKEN={shown} inferswarm worker --master {config.load.bind}",
            markup=False,
            soft_wrap=True,
        )
    return token


@contextlib.contextmanager
def target(config: RunConfig, console: Console) -> Iterator[RunConfig]:
    """The configuration with a target: the given one, or the built-in simulator while it runs."""
    if config.target.url:
        yield config
        return
    options = config.simulator
    with RunningSimulator(options, truth=False) as simulator:
        console.print(
            f"no --target given: loading the built-in simulator at {simulator.url} "
            f"(TTFT {options.ttft}, ITL {options.itl})",
            markup=False,
            soft_wrap=True,
        )
        found = config.target.model_copy(update={"url": simulator.url})
        yield config.model_copy(update={"target": found})


def _simulated(config: RunConfig, way: Route) -> RunConfig:
    """The run with the simulator of the target's backend, which serves the model asked for."""
    given, adapter = config.simulator, way.adapter
    if way.backend not in get_args(Backend):
        raise InputError(f"the built-in simulator does not speak {way.backend}; give --target")
    own = given.model if "model" in given.model_fields_set else ""
    served = config.target.model or own or adapter.default_model or given.model
    known = config.target.model or adapter.default_model or served
    options = given.model_copy(update={"backend": way.backend, "model": served})
    target = config.target.model_copy(update={"model": known})
    return config.model_copy(update={"simulator": options, "target": target})


def _announce(console: Console, run: dict[str, Any], folder: RunFolder) -> None:
    console.print(
        f"loading {run['target']} ({run['backend']} {run['api']}, model {run['model'] or '-'}) "
        f"with {run['arrivals'] or str(run['users']) + ' users'}; results in {folder.path}",
        markup=False,
        soft_wrap=True,
    )


def _load(
    plan: dict[str, Any], config: RunConfig, folder: RunFolder, console: Console
) -> tuple[dict[str, Any], bool]:
    """Carry the plan out; (the master's last word, whether somebody interrupted)."""
    ended: dict[str, Any] = {}
    compressed_s = time.monotonic()
    with (
        LocalRun(plan, config.load.workers, folder.log) as local,
        view_for(console, config) as view,
        _interruptible(local, view, folder) as interrupts,
    ):
        try:
            for event in local.events():
                view.show(event)
                if event["event"] == "ended":
                    ended = event
                if time.monotonic() - compressed_s > COMPRESS_INTERVAL_S:
                    _compress(folder, all_parts=False)
                    compressed_s = time.monotonic()
        except LoadProcessError as error:
            if not any(folder.records.iterdir()):
                raise
            ended = {"trouble": str(error)}  # what was recorded until then is worth a report
    return ended, bool(interrupts)


def _compress(folder: RunFolder, *, all_parts: bool) -> None:
    """Compress closed parts; where the disk does not allow it they stay readable as they are."""
    with contextlib.suppress(StorageError):
        compress_closed_parts(folder, all_parts=all_parts)


@contextlib.contextmanager
def _interruptible(local: LocalRun, view: View, folder: RunFolder) -> Iterator[list[int]]:
    """First Ctrl-C (or SIGTERM): end in order. Second: end at once. Yields the signals so far."""
    interrupts: list[int] = []

    def interrupted(number: int, _: object) -> None:
        interrupts.append(number)
        if len(interrupts) > 1:
            local.kill_now()
            if sys.stdout.isatty():
                os.write(1, SHOW_CURSOR)
            again = f"inferswarm report {folder.path}"
            complain(f"\ninferswarm: ended at once; `{again}` rebuilds from the records")
            os._exit(EXIT_INTERRUPTED)
        local.stop()
        view.interrupted()

    kept = {number: signal.signal(number, interrupted) for number in STOP_SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _write_end(folder: RunFolder, run: dict[str, Any], ended: dict[str, Any]) -> None:
    """Add how the run ended to its description, and keep how the client fared."""
    done = run | {key: ended[key] for key in ENDING if key in ended}
    done["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        write_run(folder, done)
        if "client" in ended:
            write_file(folder.client, msgspec.json.encode(ended["client"]))
    except StorageError as error:
        complain(f"inferswarm: {error}")


def _calibration(config: RunConfig, ended: dict[str, Any]) -> dict[str, Any]:
    """What was calibrated on this machine for such a run, for its description."""
    recorder = ended.get("client", {}).get("recorder", "")
    try:
        found = store.ceilings_of_run(config, recorder, os.environ)
    except StorageError as error:
        complain(f"inferswarm: {error}")
        return {}
    return {} if found is None else {"calibration": msgspec.to_builtins(found)}


def _finish(
    loaded: Loaded,
    console: Console,
    *,
    require_valid: bool,
) -> int:
    """Report, say what went wrong in one line, and choose the exit code."""
    folder = loaded.folder
    built = report.read(folder, console)
    shot = built.snapshot
    console.print(text.result(shot))
    if loaded.trouble:
        complain(f"inferswarm: {loaded.trouble}")
    build.write(folder, built)
    console.print(f"report: {folder.report}", markup=False, soft_wrap=True)
    if loaded.interrupted:
        return EXIT_INTERRUPTED
    if loaded.trouble:
        return EXIT_INTERNAL
    if not shot.requests.succeeded:
        complain(f"inferswarm: {_why_nothing(shot, built.summary, loaded.ended)}")
        return EXIT_TARGET
    if require_valid and not shot.verdict.valid:
        return EXIT_RUN_INVALID
    return EXIT_OK if all_met(shot) else EXIT_GOAL_MISSED


def _why_nothing(shot: Snapshot, summary: Summary, ended: dict[str, Any]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in shot.requests.by_outcome.items())
    early = f"; {GAVE_UP}" if ended.get("reason") == GAVE_UP else ""
    return f"no request succeeded ({kinds or 'none was sent'}){early}{_said(summary)}"


def _said(summary: Summary) -> str:
    """What the server said to the first failed request, on one line."""
    samples = [sample for kept in summary.errors.values() for sample in kept]
    if not samples:
        return ""
    first = min(samples)
    plain = first.body_head if first.detail.startswith("HTTP ") else ""
    return f"; the first: {' '.join((plain or first.detail).split())[:SAID_LIMIT]}"
