"""A run from its configuration to its report: what `run`, sweeps and the standing master share."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
from rich.console import Console

from inferswarm.adapters.table import Route, check_prompts, route, wanted
from inferswarm.calibration import store
from inferswarm.cli import export, questions, report
from inferswarm.cli.bars import bar
from inferswarm.cli.loading import Stand, carry_load
from inferswarm.cli.results import Delivery, check_collector, check_upload, keep, telling
from inferswarm.cli.view import complain
from inferswarm.config.simulator import Backend
from inferswarm.config.sources import from_environment
from inferswarm.config.tree import RunConfig
from inferswarm.errors import (
    EXIT_GOAL_MISSED,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_RUN_INVALID,
    EXIT_TARGET,
    InputError,
    StorageError,
)
from inferswarm.exports import formats
from inferswarm.goals.judge import all_met
from inferswarm.goals.parse import read_goals
from inferswarm.probe import find_model
from inferswarm.reports import build, text
from inferswarm.secret import new_token, read_token
from inferswarm.simulator.process import RunningSimulator
from inferswarm.snapshot import Snapshot
from inferswarm.sources.read import LoadedPrompts, load_prompts
from inferswarm.sources.shelf import shelved
from inferswarm.storage import (
    RunFolder,
    Sealer,
    describe,
    write_description,
    write_file,
    write_run,
)
from inferswarm.summary import Summary
from inferswarm.telemetry.collect import Telemetry
from inferswarm.tokenizer.answers import counting
from inferswarm.verdict import ALL_LOST, GAVE_UP

SAID_LIMIT = 200
ENDING = ("reason", "attempted", "load_ended_ns", "trouble")
"""What `run.json` keeps of the master's last word."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A run that was checked as far as that can be done without its target."""

    config: RunConfig
    way: Route
    asked: LoadedPrompts


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run whose load has ended: its folder, the master's last word, whether somebody interrupted."""

    folder: RunFolder
    ended: dict[str, Any]
    interrupted: bool
    exports: tuple[str, ...]
    delivery: Delivery

    @property
    def trouble(self) -> str:
        """What broke on our side, if anything did."""
        lost = self.ended.get("reason") == ALL_LOST
        return str(self.ended.get("trouble") or (ALL_LOST if lost else ""))


def prepare(config: RunConfig, console: Console) -> Ready:
    """Check everything that can be checked before anything is started; raises InputError."""
    config.check_split()
    read_goals(config.goals.slo, config.goals.goodput)
    formats.formats_of(config.output.exports, formats.FLAG)
    if variables := from_environment(RunConfig, os.environ):
        names = ", ".join(one.origin.removeprefix("environment ") for one in variables)
        console.print(f"options from the environment: {names}", markup=False, soft_wrap=True)
    way = route(config.target.backend, config.target.api)
    config = config if config.target.url else _simulated(config, way)
    wanted(config.request, way, config.target.model, stream=config.target.stream)
    check_upload(config)
    check_collector(config)
    with bar(console) as progress:
        asked = load_prompts(config.prompts, progress)
    check_prompts(asked.prompts, way)
    asked = replace(asked, notes=(*asked.notes, *questions.trace_notes(asked, config)))
    for note in asked.notes:
        console.print(note, markup=False, soft_wrap=True)
    return Ready(config, way, asked)


def load_once(
    ready: Ready,
    config: RunConfig,
    console: Console,
    screen: Console,
    stand: Stand | None = None,
) -> Loaded:
    """Carry out one run of `config`, whose target is there, into a folder of its own.

    What is to be known goes to `console`, the live view to `screen`. Without `stand` the run has a
    master of its own.
    """
    more = questions.planned(ready.asked, config)
    model = find_model(config, ready.way.adapter)
    run = _description(ready, config, model, stand)
    root = Path("runs") if stand is None else stand.root
    folder = RunFolder.create(config.output.out or root / run["id"])
    run |= questions.asked_before(run, folder)
    write_description(folder, config, run)
    _announce(console, run, folder)
    plan = {
        "token": _token(config, console) if stand is None else stand.master.token,
        "run": run["id"],
        "config": config.model_dump(mode="json"),
        "model": model,
        "records": str(folder.records.resolve()),
        **more,
    }
    with contextlib.ExitStack() as opened, counting(config) as counted:
        delivery = opened.enter_context(Delivery(folder, config, run["id"]))
        looking = opened.enter_context(Telemetry(config.telemetry, config.target))
        teller = opened.enter_context(telling(folder, config, run))
        with Sealer(folder, counted) as sealer, shelved(ready.asked.prompts, folder.path) as asked:
            whole = plan | asked
            ended, interrupted = carry_load(whole, config, folder, screen, stand, teller.hear)
        run["notes"] += teller.finish()
        _write_end(folder, run | _calibration(config, ended), ended)
        keep(looking, folder, console)
        delivery.gather(console)
        sealer.seal_all()
        if sealer.trouble:
            complain(f"inferswarm: answers stay counted by their chunks: {sealer.trouble}")
        opened.pop_all()  # what is loaded goes on its way until the report is there too
    return Loaded(folder, ended, interrupted, config.output.exports, delivery)


def _description(
    ready: Ready, config: RunConfig, model: str, stand: Stand | None
) -> dict[str, Any]:
    """What is known of a run before it is carried out."""
    return describe(config, ready.way.api, model) | {
        "users": config.load.users,
        "arrivals": config.arrivals.told,
        "workers": config.load.workers,
        "prompts": len(ready.asked.prompts),
        "notes": list(ready.asked.notes),
        "simulated": not ready.config.target.url,
        "machine": msgspec.to_builtins(store.this_machine()),
        **questions.described(ready.asked, config),
        **({} if stand is None else {"key": stand.key}),
    }


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


def _write_end(folder: RunFolder, run: dict[str, Any], ended: dict[str, Any]) -> None:
    """Add how the run ended to its description, and keep how the client fared."""
    done = run | {key: ended[key] for key in ENDING if key in ended}
    changes = ended.get("changes", ())
    told = (f"{one['users']} users from {one['at_s']:.1f} s on, by hand" for one in changes)
    done["notes"] = [*run["notes"], *told]
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


@dataclass(frozen=True, slots=True)
class Finished:
    """A run with its report: the numbers, and whether everything is where it should be."""

    snapshot: Snapshot
    summary: Summary
    complete: bool


def finish(loaded: Loaded, console: Console) -> Finished:
    """Report, export and deliver; say what went wrong on our side in a line each."""
    folder = loaded.folder
    built = report.read(folder, console)
    shot = built.snapshot
    console.print(text.result(shot))
    if loaded.trouble:
        complain(f"inferswarm: {loaded.trouble}")
    build.write(folder, built)
    console.print(f"report: {folder.report}", markup=False, soft_wrap=True)
    exported = export.at_end(folder, shot, loaded.exports, console)
    arrived = loaded.delivery.finish(console)
    return Finished(shot, built.summary, arrived and exported)


def exit_code(loaded: Loaded, finished: Finished, *, require_valid: bool) -> int:
    """The exit code of a run; a run without a success says why."""
    shot = finished.snapshot
    if loaded.interrupted:
        return EXIT_INTERRUPTED
    if loaded.trouble or not finished.complete:
        return EXIT_INTERNAL
    if not shot.requests.succeeded:
        complain(f"inferswarm: {_why_nothing(shot, finished.summary, loaded.ended)}")
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
