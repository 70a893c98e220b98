"""`inferswarm prompts sharegpt`: prompts from a file of conversations."""

import argparse

from inferswarm.cli.bars import bar
from inferswarm.cli.prompts_target import add_source, add_target, said
from inferswarm.cli.view import open_console
from inferswarm.errors import EXIT_OK, InputError
from inferswarm.sources.opening import opened
from inferswarm.sources.read import watched
from inferswarm.sources.sharegpt import Sorted, prompts_of
from inferswarm.sources.tally import Tally, shown
from inferswarm.sources.writing import check_target, write_prompts
from inferswarm.stores import Uri

NAME = "sharegpt"
SUMMARY = (
    "Take prompts from conversations in ShareGPT's form: the first human turn, or all of them."
)
EXAMPLES = """examples:
  inferswarm prompts sharegpt --from ShareGPT.json --to gs://bucket/prompts.txt
  inferswarm prompts sharegpt --from hf:org/dataset --to prompts.jsonl --turns
  inferswarm prompts sharegpt --from https://host/ShareGPT.json --to prompts.txt --overwrite
Conversations need two turns; system turns are skipped, empty ones dropped. In a .txt file line ends
within a prompt become spaces, a .jsonl file keeps them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From where, to where, and how much of each conversation."""
    add_source(parser)
    add_target(parser)
    parser.add_argument(
        "--turns",
        action="store_true",
        help="Keep whole conversations with the recorded answers, as rows of a .jsonl file.",
    )


def execute(parsed: argparse.Namespace) -> int:
    """Check the target, then write as it is read."""
    console, uri = open_console(), Uri.parse(parsed.target)
    check_target(uri, overwrite=parsed.overwrite, lines_only=parsed.turns)
    tally, seen = Tally(shown(parsed.source)), Sorted()
    with bar(console) as progress, opened(parsed.source, tally, progress) as source:
        found = prompts_of(source.rows, tally, seen, turns=parsed.turns)
        count = write_prompts(
            watched(found, progress, source.place), uri, overwrite=parsed.overwrite
        )
    tally.finish()
    if not count:
        raise InputError(f"{tally.name}: no prompt in {seen.read:,} conversations: {seen.told}")
    left_out = f"; left out {seen.told}" if seen.told else ""
    said(console, f"{count:,} prompts written to {uri}, from {seen.read:,} conversations{left_out}")
    said(console, tally.told)
    return EXIT_OK
