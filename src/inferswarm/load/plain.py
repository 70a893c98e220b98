"""Our users under plain `locust -f`, without our command line: a session for each of Locust's tests.

Requests show in Locust's own statistics and web UI. With `output.out` a run folder is written: by a
single process whole, by Locust workers their records, from which `inferswarm report` makes the rest.
"""

import contextlib
import itertools
import logging
import os
from pathlib import Path
from typing import Any

import gevent
import msgspec
from locust import User
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from inferswarm.adapters.table import check_prompts, route
from inferswarm.clock import now_ns
from inferswarm.config.prompts import PromptOptions
from inferswarm.config.sources import Given, from_environment, resolve
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InferswarmError, InputError
from inferswarm.exports import formats
from inferswarm.goals.parse import read_goals
from inferswarm.load.plan import Plan
from inferswarm.load.session import Session
from inferswarm.probe import find_model
from inferswarm.reports import build
from inferswarm.sources.apart import load_prompts_anywhere
from inferswarm.sources.read import LoadedPrompts
from inferswarm.storage import (
    RunFolder,
    describe,
    seal_parts,
    write_description,
    write_file,
    write_run,
)
from inferswarm.summary import Summary
from inferswarm.tokenizer.answers import counting
from inferswarm.verdict import Client

# Locust tells a worker its index, not how many there will be: numbers of arrivals leave room.
MOST_WORKERS = 1 << 16
_log = logging.getLogger(__name__)


def watch(environment: Environment, base: type[User]) -> None:
    """Open a session when Locust starts a test with users of ours, and end it in order."""
    ours = [kind for kind in environment.user_classes if issubclass(kind, base)]
    if ours and not isinstance(environment.runner, MasterRunner):
        test = _Test(environment, ours[0])
        test.read_ahead()
        for hook, listener in (
            (environment.events.test_start, test.start),
            (environment.events.test_stopping, test.stop),
        ):
            hook.add_listener(listener)  # type: ignore[no-untyped-call]  # Locust's hook


class _Test:
    """One after another, the tests that somebody starts in this Locust process."""

    def __init__(self, environment: Environment, user: type[User]) -> None:
        self._environment = environment
        self._user = user
        self._session: Session | None = None
        self._folder: RunFolder | None = None
        self._config = RunConfig()
        self._run: dict[str, Any] = {}
        self._worker = 0
        self._asked: tuple[PromptOptions, LoadedPrompts] | None = None

    def read_ahead(self) -> None:
        """Read the prompts before Locust's clock runs; what is wrong is said when a test starts."""
        with contextlib.suppress(InferswarmError):
            self._prompts(self._resolved().prompts)

    def start(self, **_: Any) -> None:
        """Build the session; what is wrong ends the test in one line."""
        try:
            self._open()
        except InferswarmError as error:
            _log.error("%s", error)
            self._environment.process_exit_code = error.exit_code
            if self._environment.runner is not None:
                self._environment.runner.quit()

    def stop(self, **_: Any) -> None:
        """Drain within Locust's own stop timeout, and write what a single process can."""
        session, self._session = self._session, None
        if session is None:
            return
        self._run["load_ended_ns"] = now_ns()
        session.drain(self._environment.stop_timeout)
        summary, client, gauges = session.take_delta()
        client.workers = 1
        if gauges.trouble:
            _log.error("%s", gauges.trouble)
        try:
            self._write(summary, client)
        except InferswarmError as error:
            _log.error("%s", error)

    def _write(self, summary: Summary, client: Client) -> None:
        folder = self._folder
        if folder is None:
            return
        write_file(folder.client_of(self._worker), msgspec.json.encode(client))
        if not isinstance(self._environment.runner, WorkerRunner):
            write_run(folder, self._run | {"attempted": summary.attempted})
            with counting(self._config) as counted:
                seal_parts(folder, all_parts=True, amend=counted)
            built = build.build(folder)
            build.write(folder, built)
            formats.export(folder, built.snapshot, self._config.output.exports)
            reasons = "; ".join(built.snapshot.verdict.reasons)
            _log.info("%s", f"INVALID: {reasons}" if reasons else "VALID")
            _log.info("report: %s", folder.report)

    def _open(self) -> None:
        runner = self._environment.runner
        shares = isinstance(runner, WorkerRunner)
        self._worker = max(0, runner.worker_index) if isinstance(runner, WorkerRunner) else 0
        settings = self._settings()
        if shares and settings.load.requests is not None:
            raise InputError("load.requests cannot be split among `locust --worker`s; leave it out")
        read_goals(settings.goals.slo, settings.goals.goodput)
        self._config = settings
        formats.formats_of(settings.output.exports, "output.exports")
        way = route(settings.target.backend, settings.target.api)
        self._run = run = describe(settings, way.api, find_model(settings, way.adapter))
        asked = self._prompts(settings.prompts)
        check_prompts(asked.prompts, way)
        run["notes"] = list(asked.notes)
        for note in asked.notes:
            _log.info("%s", note)
        self._folder = self._run_folder(settings)
        plan = Plan(
            run=run["id"],
            config=settings.model_dump(mode="json"),
            prompts=asked.prompts,
            recipe=asked.recipe,
            model=run["model"],
            records=str(self._folder.records.resolve()) if self._folder else "",
            worker=self._worker,
            workers=MOST_WORKERS if shares else 1,
        )
        self._session = Session(plan, self._environment)
        gevent.spawn(self._session.play_from, now_ns())

    def _prompts(self, options: PromptOptions) -> LoadedPrompts:
        """Read once, for one test after another."""
        if self._asked is None or self._asked[0] != options:
            self._asked = options, load_prompts_anywhere(options)
        return self._asked[1]

    def _settings(self) -> RunConfig:
        """All settings of a test, which needs a target."""
        settings = self._resolved()
        if not settings.target.url:
            name = self._user.__name__
            raise InferswarmError(f"{name} has no target: give locust --host URL")
        return settings

    def _resolved(self) -> RunConfig:
        """Environment, then the class's `settings`; the target is Locust's host."""
        own: dict[str, Any] = getattr(self._user, "settings", {})
        name = self._user.__name__
        givens = from_environment(RunConfig, os.environ)
        givens += [Given(key, value, f"{name}.settings") for key, value in own.items()]
        host = self._environment.host or self._user.host
        if host:
            givens.append(Given("target.url", host, "host"))
        return resolve(RunConfig, givens)

    def _run_folder(self, settings: RunConfig) -> RunFolder | None:
        out = settings.output.out
        if out is None:
            return None
        if isinstance(self._environment.runner, WorkerRunner):
            (out / "records").mkdir(parents=True, exist_ok=True)
            folder = RunFolder(out)
        else:
            folder = RunFolder.create(_free(out))
        write_description(folder, settings, self._run)
        return folder


def _free(out: Path) -> Path:
    """The folder itself, or for a later test of the same Locust the first of out-2, out-3, ..."""
    names = itertools.chain([out], (out.with_name(f"{out.name}-{n}") for n in itertools.count(2)))
    return next(path for path in names if not path.is_dir() or not any(path.iterdir()))
