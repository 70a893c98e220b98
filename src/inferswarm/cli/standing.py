"""A master that stands: it takes runs over the web, one after another, until it is stopped."""

import argparse
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from inferswarm.cli.arguments import configuration, values_of_file
from inferswarm.cli.carrying import exit_code, finish, load_once, prepare, target
from inferswarm.cli.loading import Stand
from inferswarm.cli.recovery import cut_off, mend, not_all
from inferswarm.cli.results import check_collector
from inferswarm.cli.view import complain, open_console
from inferswarm.cli.web_side import allowed_targets, web_options
from inferswarm.config.admission import admit
from inferswarm.config.sources import Given, from_mapping
from inferswarm.config.telemetry import SERVED_AT
from inferswarm.config.tree import RunConfig
from inferswarm.errors import EXIT_OK, InferswarmError, InputError
from inferswarm.facts import KEPT_RUNS, facts_of
from inferswarm.folders import alone
from inferswarm.runs import MasterProcess
from inferswarm.secret import new_token, read_token
from inferswarm.storage import RunFolder

LOCK = ".master.lock"
_ending = threading.Event()
UPLOAD_PATIENCE = "10m"
"""Nobody waits before a service: a bucket may come back."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """The standing master, and what holds for all its runs."""

    master: MasterProcess
    parsed: argparse.Namespace
    givens: list[Given]
    usual: RunConfig
    allowed: tuple[str, ...]
    console: Console


def stand(parsed: argparse.Namespace, defaults: list[Given]) -> int:
    """Take runs until Ctrl-C or SIGTERM, which end the one that goes on in order."""
    console = open_console()
    patient = Given("output.upload_patience", UPLOAD_PATIENCE, "master")
    givens = [patient, *defaults, *values_of_file(parsed)]
    usual = configuration(RunConfig, parsed, givens)
    check_collector(usual)
    web = web_options(parsed, usual)
    _make(parsed.runs)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    if parsed.with_parent:
        threading.Thread(target=_end_with_input, daemon=True).start()
    token = read_token() if usual.load.bind else ""
    log = parsed.runs / "master.log"
    own = usual.telemetry.serve_metrics
    metrics = {"where": own or SERVED_AT, "must": bool(own)}
    with (
        _alone(parsed.runs, console),
        MasterProcess(usual.load.bind, token or new_token(), log, web, metrics) as master,
    ):
        stage = _Stage(master, parsed, givens, usual, allowed_targets(parsed, usual), console)
        with contextlib.suppress(KeyboardInterrupt):
            _wait_until_open(stage)
            _recover(stage)
            while _serve_one(stage):
                pass
    return EXIT_OK


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOCK).touch()
    except OSError as error:
        why = f"--runs {folder}: {error.strerror}; give a folder that we may write to"
        raise InputError(why) from None


def _alone(folder: Path, console: Console) -> contextlib.AbstractContextManager[None]:
    """Wait for a master before us that still finishes a run in this folder; it ends by itself."""
    waiting = f"waiting: another master still uses {folder}"
    return alone(folder / LOCK, lambda: console.print(waiting, markup=False))


def _end(number: int, frame: object) -> None:
    """Somebody told us to end; whoever catches the interrupt on its way does not undo that."""
    _ending.set()
    raise KeyboardInterrupt


def _end_with_input() -> None:
    while os.read(0, 1 << 16):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _wait_until_open(stage: _Stage) -> None:
    while (event := stage.master.event(1.0))["event"] != "listening":
        if event["event"] == "failed":
            raise InputError(event["error"])
    host = stage.parsed.web.rpartition(":")[0]
    stage.console.print(
        f"ready for runs at http://{host}:{stage.master.web_port} (Ctrl-C ends it)",
        markup=False,
        soft_wrap=True,
    )
    wanted = stage.usual.telemetry.serve_metrics or SERVED_AT
    if stage.master.metrics_port:
        at = f"http://{wanted.rpartition(':')[0]}:{stage.master.metrics_port}/metrics"
        stage.console.print(f"metrics for Prometheus at {at}", markup=False, soft_wrap=True)
    elif wanted != "off":
        stage.console.print(f"no metrics for Prometheus: {wanted} is taken", markup=False)


def _recover(stage: _Stage) -> None:
    """Tell of earlier runs; those that were cut off are brought to their end first."""
    earlier = list(_earlier(stage.parsed.runs))
    cut = cut_off([folder for folder, _ in earlier])
    for folder, facts in earlier:  # all of them, as what is to be done for some may take long
        if folder in cut:
            facts.pop("final", None)
        stage.master.order("tell", run=facts)
    for folder in cut:
        patience_s = stage.usual.output.upload_patience.seconds
        stage.master.order("tell", run=mend(folder, stage.console, patience_s))


def _earlier(runs: Path) -> Iterator[tuple[RunFolder, dict[str, Any]]]:
    """The newest runs here, with their facts.

    What does not say which run it is gets no report, and nobody is told.
    """
    for path in sorted(runs.glob("*/run.json"))[-KEPT_RUNS:]:
        folder = RunFolder(path.parent)
        facts = facts_of(folder)
        if "id" in facts:
            yield folder, facts
        else:
            complain(f"inferswarm: {path} does not describe a run; it is left alone")


def _serve_one(stage: _Stage) -> bool:
    """Wait for somebody to ask, and carry it out; False when we were told to end meanwhile."""
    event = stage.master.event(1.0)
    if event["event"] != "asked":
        return True
    try:
        with _refusals(stage):
            return _carry(stage, _asked(stage, event), event["key"])
    except InferswarmError as error:
        stage.console.print(f"refused: {error}", markup=False, soft_wrap=True)
        stage.master.order("refuse", why=str(error))
    return True


def _asked(stage: _Stage, event: dict[str, Any]) -> RunConfig:
    """The configuration that somebody asked for; raises InputError."""
    givens = from_mapping(event["config"], "the request", "request")
    admit(givens, stage.allowed)
    remote, local = event["workers"], stage.usual.load.workers
    if remote + local < 1:
        bind = stage.usual.load.bind
        raise InputError(f"no worker is there: start `inferswarm worker --master {bind}`")
    # As many workers as the load needs: in closed loop one without a user would send nothing.
    one = [Given("load.workers", 1, "master"), Given("load.remote_workers", 0, "master")]
    config = configuration(RunConfig, stage.parsed, stage.givens, last=[*givens, *one])
    most = remote + local if config.arrivals.open_loop else min(remote + local, config.load.users)
    remote = min(remote, most)
    counts = {"remote_workers": remote, "workers": most - remote}
    return config.model_copy(update={"load": config.load.model_copy(update=counts)})


@contextlib.contextmanager
def _refusals(stage: _Stage) -> Iterator[None]:
    """A bug of ours refuses the run that met it, and does not end the service."""
    try:
        yield
    except (InferswarmError, KeyboardInterrupt):
        raise
    except Exception as bug:
        if "INFERSWARM_DEBUG" in os.environ:
            raise
        raise InferswarmError(f"internal error: {type(bug).__name__}: {bug}") from bug


def _carry(stage: _Stage, config: RunConfig, key: str) -> bool:
    ready = prepare(config, stage.console)
    with target(ready.config, stage.console) as reached:
        loaded = load_once(
            ready,
            reached,
            stage.console,
            stage.console,
            Stand(stage.master, stage.parsed.runs, key),
        )
    finished = finish(loaded, stage.console)
    code = exit_code(loaded, finished, require_valid=False)
    facts = facts_of(loaded.folder) | {"exit_code": code}
    if loaded.delivery.place is not None and finished.complete:
        facts["uploaded"] = str(loaded.delivery.place)
    elif not finished.complete:
        facts["error"] = facts["error"] or not_all(loaded.folder)
    stage.master.order("tell", run=facts)
    return not (loaded.interrupted or _ending.is_set())
