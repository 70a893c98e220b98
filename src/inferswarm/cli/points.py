"""Runs at one load after another, each in a folder of its own, and one report of them all."""

import argparse
import contextlib
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from inferswarm.cli import export, report
from inferswarm.cli.arguments import configuration, values_of_file
from inferswarm.cli.carrying import Ready, load_once, prepare, target
from inferswarm.cli.view import complain, open_console
from inferswarm.config.sources import Given
from inferswarm.config.tree import RunConfig
from inferswarm.config.units import Duration
from inferswarm.errors import (
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_OK,
    InferswarmError,
    InputError,
    LoadProcessError,
)
from inferswarm.limits.loads import Axis
from inferswarm.limits.points import SCHEMA, Point, Sweep, point_of
from inferswarm.limits.search import Found
from inferswarm.reports import build, sweep, sweep_text
from inferswarm.storage import new_folder, new_id

SECTIONS = ("target", "prompts", "request", "load", "arrivals", "goals", "output")
DURATION = Duration.parse("20s")
WARMUP_SHARE = 4
"""A point's warm-up is its duration divided by this, unless one is given."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the points amount to: one sentence, the exit code, and the limit that was searched for."""

    said: str
    code: int
    found: Found | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Which points are made: `following` says the next load from the points so far, None to end."""

    name: str
    axis: Axis
    following: Callable[[Sequence[Point]], float | None]
    conclude: Callable[[Sequence[Point]], Outcome]
    more_goals: Callable[[Sequence[str]], Sequence[str]] = tuple
    of: str = ""


@dataclass(slots=True)
class _Series:
    """The points of one command, as far as they are made."""

    parsed: argparse.Namespace
    plan: Plan
    ready: Ready
    reached: RunConfig
    path: Path
    console: Console
    name: str
    begun: datetime
    points: list[Point] = field(default_factory=list)
    ended: str = ""
    code: int = 0
    all_arrived: bool = True

    def so_far(self) -> Sweep:
        """What they amount to."""
        outcome = self.plan.conclude(self.points)
        return Sweep(
            schema_version=SCHEMA,
            id=self.name,
            by=self.plan.axis.name,
            unit=self.plan.axis.unit.strip(),
            run=_facts(self.reached, self.ready, self.begun),
            points=sorted(self.points, key=lambda one: one.load),
            slo=list(self.ready.config.goals.slo),
            found=outcome.found,
            said=outcome.said,
            ended=self.ended,
        )


def config_at(parsed: argparse.Namespace, plan: Plan, load: float, number: int = 0) -> RunConfig:
    """The configuration of one point: as asked, at this load, and with draws of its own."""
    axis = plan.axis
    value = int(load) if axis.whole else load
    last = [Given(axis.key, value, f"{plan.name} by {axis.name}")]
    config = configuration(RunConfig, parsed, values_of_file(parsed), last)
    config.check_split()
    if config.load.bind:
        raise InputError(f"load.bind: {plan.name} starts its workers on this machine; leave it out")
    arrivals, prompts = config.arrivals, config.prompts
    goals = {"slo": tuple(plan.more_goals(config.goals.slo))}
    return config.model_copy(
        update={
            "load": config.load.model_copy(update=_lasting(config)),
            "arrivals": arrivals.model_copy(update={"seed": arrivals.seed + number}),
            "prompts": prompts.model_copy(update={"seed": prompts.seed + number}),
            "goals": config.goals.model_copy(update=goals),
        }
    )


def _lasting(config: RunConfig) -> dict[str, Any]:
    """Duration and warm-up of a point where the user gave none."""
    load = config.load
    duration = load.duration or (None if load.requests else DURATION)
    if duration is None or "warmup" in load.model_fields_set:
        return {"duration": duration}
    return {"duration": duration, "warmup": str(Duration(duration // WARMUP_SHARE))}


def carry_out(parsed: argparse.Namespace, plan: Plan) -> int:
    """Make the points until the plan ends, somebody interrupts, or something breaks; then report."""
    console = open_console()
    first = plan.following([])
    assert first is not None, "a plan has a first point"
    ready = prepare(config_at(parsed, plan, first), console)
    begun = datetime.now(UTC)
    name = new_id(begun)
    path = ready.config.output.out or Path("runs") / f"{name}-{plan.name}"
    new_folder(path, path)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # they end in order as Ctrl-C does
    with target(ready.config, console) as reached:
        _announce(console, plan, ready, reached, path)
        series = _Series(parsed, plan, ready, reached, path, console, name, begun)
        _make(series)
    return _finish(series)


def _make(series: _Series) -> None:
    """Point after point; each is in the report as soon as it is there."""
    plan, console = series.plan, series.console
    try:
        while (load := plan.following(series.points)) is not None:
            series.points.append(_point(series, load))
            line = sweep_text.line(series.points[-1], plan.axis)
            number = f"{len(series.points)}{plan.of}"
            console.print(f"{number:<5}{line}", markup=False, soft_wrap=True)
            sweep.write(series.path, series.so_far())
    except KeyboardInterrupt:
        series.ended, series.code = "interrupted", EXIT_INTERRUPTED
    except InferswarmError as error:
        if not series.points:
            with contextlib.suppress(OSError):
                series.path.rmdir()  # unless a run has left something in it
            raise
        complain(f"inferswarm: {error}")
        series.ended, series.code = str(error), error.exit_code


def _point(series: _Series, load: float) -> Point:
    """The next point, in a folder of its own."""
    number = len(series.points)
    config = config_at(series.parsed, series.plan, load, number)
    out = series.path / f"{number + 1:02d}-{series.plan.axis.name}-{load:g}"
    kept = {
        "target": series.reached.target,
        "simulator": series.reached.simulator,
        "output": config.output.model_copy(update={"out": out}),
    }
    return _measure(series, config.model_copy(update=kept), load)


def _measure(series: _Series, config: RunConfig, load: float) -> Point:
    """One run; raises KeyboardInterrupt when somebody ended it, after its report."""
    silent = Console(quiet=True)
    screen = series.console if series.console.is_terminal else silent
    loaded = load_once(series.ready, config, silent, screen)
    built = report.read(loaded.folder, screen)
    build.write(loaded.folder, built)
    series.all_arrived &= export.at_end(loaded.folder, built.snapshot, loaded.exports, silent)
    series.all_arrived &= loaded.delivery.finish(silent)
    if loaded.trouble:
        raise LoadProcessError(loaded.trouble)
    if loaded.interrupted:
        raise KeyboardInterrupt
    return point_of(load, loaded.folder.path.name, built.snapshot)


def _announce(console: Console, plan: Plan, ready: Ready, reached: RunConfig, path: Path) -> None:
    load = reached.load
    lasting = str(load.duration) if load.duration else f"{load.requests} requests"
    left_out = f" (the first {load.warmup} left out)" if load.warmup not in ("", "none") else ""
    console.print(
        f"{plan.name} by {plan.axis.name} of {reached.target.url} ({ready.way.backend} "
        f"{ready.way.api}), {lasting} each{left_out}; results in {path}",
        markup=False,
        soft_wrap=True,
    )


def _facts(reached: RunConfig, ready: Ready, begun: datetime) -> dict[str, Any]:
    load = reached.load
    return {
        "target": reached.target.url,
        "backend": ready.way.backend,
        "api": ready.way.api,
        "model": reached.target.model,
        "started": begun.isoformat(timespec="seconds"),
        "duration": str(load.duration) if load.duration else f"{load.requests} requests",
        "warmup": load.warmup,
        "workers": load.workers,
        "simulated": not ready.config.target.url,
    }


def _finish(series: _Series) -> int:
    """Table, sentence and page; the exit code."""
    console = series.console
    if not series.points:
        complain("inferswarm: interrupted before the first point was done")
        return series.code
    whole = series.so_far()
    sweep.write(series.path, whole)
    console.print()
    console.print(sweep_text.table(whole, series.plan.axis))
    cut_short = f"ended early ({series.ended}), so far: " if series.ended else ""
    if whole.said:
        console.print(f"\n{cut_short}{whole.said}", style="bold", markup=False, soft_wrap=True)
    console.print(f"report: {series.path / sweep.PAGE}", markup=False, soft_wrap=True)
    delivered = EXIT_OK if series.all_arrived else EXIT_INTERNAL
    return series.code or delivered or series.plan.conclude(series.points).code
