"""`inferswarm search`: the highest load that still meets the goals."""

import argparse
from collections.abc import Callable, Sequence

from inferswarm.cli import points
from inferswarm.cli.arguments import add_options, add_sources
from inferswarm.cli.sweep import refuse_own
from inferswarm.config.tree import RunConfig
from inferswarm.errors import EXIT_GOAL_MISSED, EXIT_OK, InputError
from inferswarm.limits import search
from inferswarm.limits.bracket import Reach
from inferswarm.limits.loads import CONCURRENCY, RATE, Axis
from inferswarm.limits.points import Point, sentence, tries

NAME = "search"
SUMMARY = "Find the highest rate, or concurrency, at which the goals still hold."
EXAMPLES = """examples:
  inferswarm search --slo 'ttft.p95<500ms' --slo 'itl.p99<60ms' --target localhost:8000
  inferswarm search --slo 'ttft.p95<500ms' --target localhost:8000 --from 10 --to 200 --precision 2%
  inferswarm search --slo 'e2e.p95<10s' --target localhost:8000 --by concurrency --start 16

The load doubles or halves until one point met the goals and one missed, then the bracket is narrowed,
and both of its edges are measured again. Each point is a run of 20 s, a quarter of it left out as
warm-up, unless --duration, --requests or --warmup say otherwise. A point counts as met when it is VALID
and reached every goal; error_rate<1% is one of them unless you give another.

exit codes: 0 a limit was found, 1 even the lowest load misses, 2 wrong input, 4 target unreachable,
5 internal error, 130 interrupted
"""
START = 8.0
ERROR_RATE = "error_rate"
FEWEST_ERRORS = "error_rate<1%"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is searched for and where, and all options of a run."""
    parser.add_argument(
        "--by", choices=("rate", "concurrency"), default="rate", help="What is searched for."
    )
    parser.add_argument(
        "--start", metavar="X", help="The first load to try (default: --from, else 8)."
    )
    parser.add_argument("--from", dest="least", metavar="X", help="The lowest load to try.")
    parser.add_argument("--to", dest="most", metavar="Y", help="The highest load to try.")
    parser.add_argument(
        "--precision",
        metavar="SHARE",
        default="5%",
        help="How near to each other the highest load that met and the lowest that missed shall be "
        "(default: 5%%).",
    )
    add_options(parser, RunConfig, points.SECTIONS)
    add_sources(parser)


def execute(parsed: argparse.Namespace) -> int:
    """Search until the limit is known, or known to lie outside of what was asked."""
    axis = CONCURRENCY if parsed.by == CONCURRENCY.name else RATE
    refuse_own(parsed, axis, NAME)
    reach = Reach(
        least=_load(axis, "--from", parsed.least, axis.least),
        most=_load(axis, "--to", parsed.most, axis.most),
        fine=1 + precision(parsed.precision),
        whole=axis.whole,
    )
    if reach.least > reach.most:
        raise InputError(f"--from {parsed.least} --to {parsed.most}: the search must go upwards")
    usual = min(max(START, reach.least), reach.most) if parsed.least is None else reach.least
    start = _load(axis, "--start", parsed.start, usual)
    if not reach.least <= start <= reach.most:
        raise InputError(f"--start {parsed.start}: it must lie between --from and --to")
    plan = points.Plan(NAME, axis, _following(start, reach), _conclusion(axis), _goals)
    if not points.config_at(parsed, plan, start).goals.slo:
        raise InputError("search needs a goal: give at least one, as in --slo 'ttft.p95<500ms'")
    return points.carry_out(parsed, plan)


def precision(text: str) -> float:
    """A share such as 5% or 0.05; InputError for less than 0.1 % or more than 100 %."""
    number = text.strip()
    try:
        share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0.001 <= share <= 1:
        raise InputError(f"--precision {text}: it must be 0.1% to 100%, as in 5%")
    return share


def _following(start: float, reach: Reach) -> Callable[[Sequence[Point]], float | None]:
    return lambda made: search.following(tries(made), start, reach)


def _conclusion(axis: Axis) -> Callable[[Sequence[Point]], points.Outcome]:
    def conclude(made: Sequence[Point]) -> points.Outcome:
        found = search.found(tries(made))
        code = EXIT_GOAL_MISSED if found.limit is None else EXIT_OK
        return points.Outcome(sentence(found, axis, made), code, found)

    return conclude


def _goals(asked: Sequence[str]) -> Sequence[str]:
    """The goals asked for, and few errors: a server that refuses most answers the rest quickly."""
    named = any(text.strip().startswith(ERROR_RATE) for text in asked)
    return tuple(asked) if named or not asked else (*asked, FEWEST_ERRORS)


def _load(axis: Axis, flag: str, text: str | None, usual: float) -> float:
    try:
        return usual if text is None else axis.read(text)
    except ValueError as error:
        raise InputError(f"{flag}: {error}") from None
