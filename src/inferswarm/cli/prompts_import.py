"""`inferswarm prompts import`: prompts from any source that runs can read, in a form of ours."""

import argparse

from inferswarm.cli.bars import bar
from inferswarm.cli.prompts_target import add_column, add_source, add_target, said
from inferswarm.cli.view import open_console
from inferswarm.errors import EXIT_OK
from inferswarm.sources.opening import opened
from inferswarm.sources.prompt_rows import prompts_of
from inferswarm.sources.read import watched
from inferswarm.sources.tally import Tally, shown
from inferswarm.sources.writing import check_target, write_prompts
from inferswarm.stores import Uri

NAME = "import"
SUMMARY = "Take prompts from a column of a table, JSON lines, a dataset or a text file."
EXAMPLES = """examples:
  inferswarm prompts import --from questions.csv --column question --to gs://bucket/prompts.txt
  inferswarm prompts import --from hf:org/dataset:default:test --column text --to prompts.jsonl
In a .txt file line ends within a prompt become spaces, a .jsonl file keeps them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From where, which column, to where."""
    add_source(parser)
    add_column(parser)
    add_target(parser)


def execute(parsed: argparse.Namespace) -> int:
    """Check the target, then write as it is read."""
    console, uri = open_console(), Uri.parse(parsed.target)
    check_target(uri, overwrite=parsed.overwrite)
    tally = Tally(shown(parsed.source))
    with bar(console) as progress, opened(parsed.source, tally, progress) as source:
        found = prompts_of(source.rows, parsed.column, tally)
        count = write_prompts(
            watched(found, progress, source.place), uri, overwrite=parsed.overwrite
        )
    tally.finish()
    said(console, f"{count:,} prompts written to {uri}")
    said(console, tally.told)
    return EXIT_OK
