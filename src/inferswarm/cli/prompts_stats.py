"""`inferswarm prompts stats`: how many prompts, how long, how often the same."""

import argparse
import sys

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from inferswarm.cli.bars import bar
from inferswarm.cli.prompts_target import add_column, said
from inferswarm.cli.view import open_console
from inferswarm.errors import EXIT_OK
from inferswarm.reports.text import number
from inferswarm.sources.measures import Measuring, Spread, Stats
from inferswarm.sources.opening import opened
from inferswarm.sources.prompt_rows import prompts_of
from inferswarm.sources.read import counter, telling
from inferswarm.sources.tally import Tally, shown

NAME = "stats"
SUMMARY = "Count prompts, their lengths and those that repeat."
EXAMPLES = """examples:
  inferswarm prompts stats prompts.txt
  inferswarm prompts stats gs://bucket/prompts.jsonl --tokenizer org/model
  inferswarm prompts stats questions.csv --column question --json
"""
BAR_CELLS = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The source, its column, a tokenizer, and the form of the answer."""
    parser.add_argument("source", metavar="SOURCE", help="what --prompts of a run takes")
    add_column(parser)
    parser.add_argument(
        "--tokenizer", metavar="NAME", default="", help="Count tokens too, as it does in a run."
    )
    parser.add_argument("--json", action="store_true", help="Print one JSON object instead.")


def execute(parsed: argparse.Namespace) -> int:
    """Read all, then print."""
    console = Console(stderr=True) if parsed.json else open_console()
    tally, measuring = Tally(shown(parsed.source)), Measuring()
    with (
        bar(console) as progress,
        opened(parsed.source, tally, progress) as source,
        counter(parsed.tokenizer) as count,
    ):
        watch = telling(progress, source.place)
        for read in measuring.take(prompts_of(source.rows, parsed.column, tally), count):
            watch(read)
    tally.finish()
    stats = measuring.stats(tally.name, tally.bad)
    if parsed.json:
        sys.stdout.write(f"{msgspec.json.encode(stats).decode()}\n")
    else:
        _show(console, stats, tally)
    return EXIT_OK


def _show(console: Console, stats: Stats, tally: Tally) -> None:
    said(console, f"{stats.prompts:,} prompts in {stats.source}{_more(stats)}")
    said(console, tally.told)
    said(console, f"longest: prompt {stats.longest.number:,}, {stats.longest.head!r}")
    console.print()
    console.print(_percentiles(stats.lengths))
    for one in stats.lengths:
        console.print()
        console.print(_histogram(one))


def _more(stats: Stats) -> str:
    parts = [f", {stats.repeated:,} repeat an earlier one ({stats.repeated / stats.prompts:.1%})"]
    parts += [f", {stats.with_turns:,} with several turns"] if stats.with_turns else []
    return "".join(parts)


def _percentiles(lengths: list[Spread]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("length in")
    for column in ("mean", "min", *lengths[0].percentiles, "max"):
        table.add_column(column, justify="right")
    for one in lengths:
        values = [one.min, *one.percentiles.values(), one.max]
        table.add_row(one.unit, number(one.mean), *(f"{value:,}" for value in values))
    return table


def _histogram(spread: Spread) -> Table:
    """A bar for each bin, as long as its count is of the greatest."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(spread.unit, justify="right")
    table.add_column("prompts", justify="right")
    table.add_column("")
    most = max(one.count for one in spread.histogram)
    for one in spread.histogram:
        name = f"{one.low:,}" if one.low == one.high else f"{one.low:,} to {one.high:,}"
        cells = -(-BAR_CELLS * one.count // most)
        table.add_row(name, f"{one.count:,}", Text("\N{FULL BLOCK}" * cells, style="cyan"))
    return table
