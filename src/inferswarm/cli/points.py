"""Runs at one load after another, each in a folder of its own, and one report of them all."""

import argparse
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from inferswarm.cli import report
from inferswarm.cli.arguments import configuration, values_of_file
from inferswarm.cli.run import Ready, load_once, prepare, target
from inferswarm.cli.view import complain, open_console
from inferswarm.config.sources import Given
from inferswarm.config.tree import RunConfig
from inferswarm.config.units import Duration
from inferswarm.errors import EXIT_INTERRUPTED, InferswarmError, InputError, LoadProcessError
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
class _Made:
    """What there is so far."""

    points: list[Point] = field(default_factory=list)
    ended: str = ""
    code: int = 0


def config_at(parsed: argparse.Namespace, plan: Plan, load: float, number: int = 0) -> RunConfig:
    """The configuration of one point: as asked, at this load, and with draws of its own."""
    axis = plan.axis
    value = int(load) if axis.whole else load
    last = [Given(axis.key, value, f"{plan.name} by {axis.name}")]
    config = configuration(RunConfig, parsed, values_of_file(parsed), last)
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
        made = _Made()
        run = _facts(reached, ready, begun)

        def so_far() -> Sweep:
            return _sweep(plan, name, run, ready, made)

        _make(parsed, plan, ready, reached, path, console, made, so_far)
    return _finish(console, plan, path, made, so_far())


def _make(
    parsed: argparse.Namespace,
    plan: Plan,
    ready: Ready,
    reached: RunConfig,
    path: Path,
    console: Console,
    made: _Made,
    so_far: Callable[[], Sweep],
) -> None:
    """Point after point; each is in the report as soon as it is there."""
    try:
        while (load := plan.following(made.points)) is not None:
            number = len(made.points) + 1
            config = config_at(parsed, plan, load, number - 1)
            kept = {"target": reached.target, "simulator": reached.simulator}
            out = path / f"{number:02d}-{plan.axis.name}-{load:g}"
            kept["output"] = config.output.model_copy(update={"out": out})
            point = _measure(ready, config.model_copy(update=kept), load, console)
            made.points.append(point)
            line = sweep_text.line(point, plan.axis)
            console.print(f"{number}{plan.of}  {line}", markup=False, soft_wrap=True)
            sweep.write(path, so_far())
    except KeyboardInterrupt:
        made.ended, made.code = "interrupted", EXIT_INTERRUPTED
    except InferswarmError as error:
        if not made.points:
            raise
        complain(f"inferswarm: {error}")
        made.ended, made.code = str(error), error.exit_code


def _measure(ready: Ready, config: RunConfig, load: float, console: Console) -> Point:
    """One run; raises KeyboardInterrupt when somebody ended it, after its report."""
    silent = Console(quiet=True)
    screen = console if console.is_terminal else silent
    loaded = load_once(ready, config, silent, screen)
    built = report.read(loaded.folder, screen)
    build.write(loaded.folder, built)
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


def _sweep(plan: Plan, name: str, run: dict[str, Any], ready: Ready, made: _Made) -> Sweep:
    outcome = plan.conclude(made.points)
    return Sweep(
        schema_version=SCHEMA,
        id=name,
        by=plan.axis.name,
        unit=plan.axis.unit.strip(),
        run=run,
        points=list(made.points),
        slo=list(ready.config.goals.slo),
        found=outcome.found,
        said=outcome.said,
        ended=made.ended,
    )


def _finish(console: Console, plan: Plan, path: Path, made: _Made, whole: Sweep) -> int:
    """Table, sentence and page; the exit code."""
    if not made.points:
        complain("inferswarm: interrupted before the first point was done")
        return made.code
    whole = msgspec.structs.replace(whole, points=sorted(whole.points, key=lambda one: one.load))
    sweep.write(path, whole)
    console.print()
    console.print(sweep_text.table(whole, plan.axis))
    cut_short = f"ended early ({made.ended}), so far: " if made.ended else ""
    if whole.said:
        console.print(f"\n{cut_short}{whole.said}", style="bold", markup=False, soft_wrap=True)
    console.print(f"report: {path / sweep.PAGE}", markup=False, soft_wrap=True)
    return made.code or plan.conclude(made.points).code
