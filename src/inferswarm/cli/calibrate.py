"""`inferswarm calibrate`: how true this machine's times are, and up to which load."""

import argparse
import os
import signal
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from inferswarm.adapters.table import Route, route
from inferswarm.calibration import measure, ramps, search, store
from inferswarm.calibration.figures import Figure
from inferswarm.calibration.ramps import REQUESTS, TOKENS, Attempt, Ramp
from inferswarm.calibration.search import TOLERANCE, Result
from inferswarm.ceiling import Ceiling, Ceilings
from inferswarm.cli.arguments import add_options, add_sources, configuration
from inferswarm.cli.view import open_console
from inferswarm.config.tree import RunConfig
from inferswarm.errors import EXIT_OK
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.scales import NS_PER_MS

NAME = "calibrate"
SUMMARY = "Find out how true the times are on this machine, and how much one worker carries."
EXAMPLES = """examples:
  inferswarm calibrate                               about two minutes
  inferswarm calibrate --quick                       half a minute, coarser
  inferswarm calibrate --api chat --max-output-tokens 256
  inferswarm calibrate --config bench.yaml --set load.recorder=gevent --json

One worker loads the built-in simulator, which logs when each token really left, with more and more
streams, until TTFT or ITL (mean, p50 or p99) is off by more than 1 %. Leave the machine alone
meanwhile. What comes out is kept, and a later run that goes beyond it is told so.

exit codes: 0 ok, 2 wrong input, 5 internal error or the store cannot be written, 130 interrupted
(then nothing is kept)
"""
OPTIONS = (
    *("target.backend", "target.api", "target.stream", "request.max_output_tokens"),
    *("simulator.ttft", "simulator.itl"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of what changes the client's cost, and the sources of all options."""
    add_options(parser, RunConfig, OPTIONS)
    add_sources(parser)
    parser.add_argument(
        "--quick", action="store_true", help="Half a minute, with a coarser result."
    )
    parser.add_argument(
        "--store",
        metavar="FILE",
        type=Path,
        help="Keep the result here instead of where runs look for it "
        "(inferswarm/calibration.json in XDG_CACHE_HOME or ~/.cache).",
    )
    parser.add_argument(
        "--json", action="store_true", help="The result as JSON on stdout, progress on stderr."
    )


def execute(parsed: argparse.Namespace) -> int:
    """Climb each ramp, keep what came out, and show it."""
    config = configuration(RunConfig, parsed)
    way = route(config.target.backend, config.target.api)
    path = parsed.store or store.default_path(os.environ)
    store.load(path)  # a store that cannot be used is told before two minutes have passed
    console = Console(stderr=True, highlight=False) if parsed.json else open_console()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # they clean up as Ctrl-C does
    climbs = ramps.plan(config, quick=parsed.quick)
    _announce(console, config, way, climbs)
    made = {ramp.counts: _climb(console, config, ramp) for ramp in climbs}
    entry = _entry(config, made, quick=parsed.quick)
    store.save(path, entry)
    if parsed.json:
        print(_json(entry, made))
    else:
        console.print(_result(entry, made))
        console.print(f"kept in {path}", markup=False, soft_wrap=True)
    return EXIT_OK


def _announce(console: Console, config: RunConfig, way: Route, climbs: Sequence[Ramp]) -> None:
    simulator = config.simulator
    about_s = sum(ramp.about_s(config) for ramp in climbs)
    console.print(
        f"one worker against the built-in simulator ({way.backend} {way.api}, "
        f"{'streamed' if config.target.stream else 'not streamed'}, TTFT {simulator.ttft}, "
        f"ITL {simulator.itl}), in about {_span(about_s)}",
        markup=False,
        soft_wrap=True,
    )


def _span(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes" if seconds >= 90 else f"{round(seconds, -1):.0f} s"


def _climb(console: Console, config: RunConfig, ramp: Ramp) -> list[Attempt]:
    """All steps of a ramp, a line for each."""
    length = "1 token" if ramp.shape.tokens == 1 else f"{ramp.shape.tokens} tokens"
    console.print(f"\n{ramp.counts}: answers of {length}", style="bold", markup=False)

    def one(streams: int) -> measure.Measured:
        with console.status(f"{streams:,} streams"):
            return measure.step(config, ramp.shape, streams)

    attempts = []
    for attempt in ramps.climb(ramp, one, int(config.simulator.itl) / NS_PER_MS):
        attempts.append(attempt)
        console.print(_line(ramp, attempt), soft_wrap=True)
    return attempts


def _line(ramp: Ramp, attempt: Attempt) -> Text:
    step, figures = attempt.step, attempt.figures
    line = Text(f"{step.streams:6,} streams {step.rate_per_s:9,.0f} {ramp.counts}/s  ")
    if step.result is Result.BEHIND:
        late = f"{figures.server_late_p99_ms:,.0f} ms"
        return line.append(f"the simulator is full (p99 {late} late): no test of the client", "dim")
    if figures.trouble:
        return line.append(figures.trouble, "yellow")
    share, name = figures.worst
    style = "green" if step.result is Result.CARRIED else "yellow"
    line.append(f"worst error {share:.2%} ({METRIC_BY_NAME[name].title})", style)
    if step.result is Result.DISTURBED:
        line.append(f"; others used {attempt.measured.others_cores:.1f} cores: no proof", "yellow")
    return line


def _entry(config: RunConfig, made: dict[str, list[Attempt]], *, quick: bool) -> store.Entry:
    first = next(iter(made.values()))[0].measured
    found = {
        counts: search.ceiling([one.step for one in attempts]) for counts, attempts in made.items()
    }
    good = {counts: ramps.best(attempts) for counts, attempts in made.items()}
    return store.Entry(
        machine=store.this_machine(),
        setup=store.setup_of(config, first.recorder),
        conditions=store.Conditions(
            max_output_tokens=config.request.max_output_tokens,
            ttft_ms=int(config.simulator.ttft) / NS_PER_MS,
            itl_ms=int(config.simulator.itl) / NS_PER_MS,
            quick=quick,
        ),
        ceilings=Ceilings(
            tokens=found.get(TOKENS),
            requests=found.get(REQUESTS),
            measured=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
        errors={counts: one.figures.metrics for counts, one in good.items() if one is not None},
    )


def _json(entry: store.Entry, made: dict[str, list[Attempt]]) -> str:
    whole: dict[str, Any] = msgspec.to_builtins(entry)
    whole["steps"] = msgspec.to_builtins(made)
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode()


def _result(entry: store.Entry, made: dict[str, list[Attempt]]) -> RenderableType:
    """What one worker carries in words, then the errors at that rate."""
    recorder = next(iter(made.values()))[0].measured
    head = Text(
        f"\nWith times within {TOLERANCE:.0%} of the truth, one worker here "
        f"({recorder.recorder} recorder, {recorder.clock} clock) carries\n",
        style="bold",
    )
    lines = Table.grid(padding=(0, 1))
    for counts, ceiling in ((TOKENS, entry.ceilings.tokens), (REQUESTS, entry.ceilings.requests)):
        if ceiling is not None:
            lines.add_row("", *_carried(counts, ceiling, ramps.ended_by(made[counts])))
    return Group(head, lines, *_errors(entry), Text())


_WHY = {
    Result.BEHIND: "lower bound: then the simulator is full",
    Result.DISTURBED: "lower bound: others used the machine",
    Result.MISSED: "lower bound: more was missed once",
    Result.CARRIED: "lower bound: more was not tried",
}


def _carried(counts: str, ceiling: Ceiling, ended_by: Result) -> tuple[Text, Text]:
    """How much, and what ended the search."""
    missed = ceiling.missed_per_s
    rate = Text(f"{ceiling.carried_per_s:,.0f} {counts}/s", style="bold")
    if not ceiling.carried_per_s:
        return Text(f"no load of {counts} for certain", style="bold"), Text()
    if missed is not None:
        return rate, Text(f"the limit: {missed:,.0f} was missed twice", style="dim")
    return Text("at least ").append_text(rate), Text(_WHY[ended_by], style="dim")


def _errors(entry: store.Entry) -> Iterator[RenderableType]:
    """Reported minus true at the highest load carried."""
    for counts, by_metric in entry.errors.items():
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column(f"{counts}, ms")
        for column in ("true p50", "p99", "error: mean", "p50", "p99", "of single values, p99"):
            table.add_column(column, justify="right")
        for name, figure in by_metric.items():
            table.add_row(METRIC_BY_NAME[name].title, *_cells(figure))
        yield Text()
        yield table


def _cells(figure: Figure) -> list[str]:
    errors = (figure.mean_error, figure.p50_error, figure.p99_error)
    return [
        f"{figure.true_p50:,.2f}",
        f"{figure.true_p99:,.2f}",
        *(f"{error:+,.3f}" for error in errors),
        f"{figure.single_error_p99:,.3f}",
    ]
