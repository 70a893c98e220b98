"""`inferswarm sweep`: runs at several loads, and the curve of latency against throughput."""

import argparse
from collections.abc import Sequence

from inferswarm.cli import points
from inferswarm.cli.arguments import add_options, add_sources
from inferswarm.config.tree import RunConfig
from inferswarm.errors import EXIT_OK, EXIT_TARGET, InputError
from inferswarm.limits.loads import CONCURRENCY, RATE, Axis
from inferswarm.limits.points import Point

NAME = "sweep"
SUMMARY = "Run at several loads one after another, and draw latency against throughput."
EXAMPLES = """examples:
  inferswarm sweep --rates 2,5,10,20
  inferswarm sweep --target localhost:8000 --rates 10..100x5 --duration 60s
  inferswarm sweep --target localhost:8000 --rates '10..1000*2' --slo 'ttft.p95<500ms'
  inferswarm sweep --target localhost:8000 --concurrencies 1,2,4,8,16,32

Each point is a run of 20 s, a quarter of it left out as warm-up, unless --duration, --requests or
--warmup say otherwise. The folder has one run folder for each point, sweep.json, sweep.csv and
sweep.html. Ctrl-C ends in order; finished points are reported.

exit codes: 0 ok (a goal that is missed at some point is a result), 2 wrong input, 4 target
unreachable or nothing succeeded, 5 internal error, 130 interrupted
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The loads, and all options of a run."""
    loads = parser.add_mutually_exclusive_group(required=True)
    loads.add_argument(
        "--rates",
        metavar="LIST",
        help="Requests per second of each point: 10,20,50 or 10..100x5 (evenly) or '10..1000*2'.",
    )
    loads.add_argument(
        "--concurrencies", metavar="LIST", help="Users of each point: 1,2,4,8 or '1..64*2'."
    )
    add_options(parser, RunConfig, points.SECTIONS)
    add_sources(parser)


def execute(parsed: argparse.Namespace) -> int:
    """Check all loads, then run at each."""
    axis = CONCURRENCY if parsed.rates is None else RATE
    loads = _loads(axis, parsed)
    refuse_own(parsed, axis, NAME)

    def following(made: Sequence[Point]) -> float | None:
        return loads[len(made)] if len(made) < len(loads) else None

    def conclude(made: Sequence[Point]) -> points.Outcome:
        if not any(point.succeeded for point in made):
            return points.Outcome("no request succeeded at any point", EXIT_TARGET)
        return points.Outcome(highest(made, axis), EXIT_OK)

    plan = points.Plan(NAME, axis, following, conclude, of=f"/{len(loads)}")
    for load in loads:
        points.config_at(parsed, plan, load)  # a load that cannot be is told before any was sent
    return points.carry_out(parsed, plan)


def refuse_own(parsed: argparse.Namespace, axis: Axis, command: str) -> None:
    """Refuse the flag of the one load, which the points give."""
    flag = "--users" if axis.whole else "--rate"
    if getattr(parsed, axis.key) is not None:
        raise InputError(f"{flag}: {command} sets the {axis.name} of each point; leave it out")


def _loads(axis: Axis, parsed: argparse.Namespace) -> list[float]:
    try:
        return axis.read_list(parsed.concurrencies if axis.whole else parsed.rates)
    except ValueError as error:
        raise InputError(f"{axis.flag}: {error}") from None


def highest(made: Sequence[Point], axis: Axis) -> str:
    """The highest point that met the goals; empty where there are none."""
    if not any(point.goals for point in made):
        return ""
    met = [point.load for point in made if point.met]
    return f"the highest point that met the goals: {axis.told(max(met)) if met else 'none'}"
