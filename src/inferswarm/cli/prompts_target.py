"""What the commands that prepare prompts have in common: from where, to where, and what is said."""

import argparse

from rich.console import Console

from inferswarm.sources.formats import FORMATS
from inferswarm.sources.prompt_rows import OWN_COLUMN

_ENDINGS = ", ".join(suffix for form in FORMATS for suffix in form.suffixes)


def add_source(parser: argparse.ArgumentParser) -> None:
    """`--from`."""
    parser.add_argument(
        "--from",
        dest="source",
        metavar="SOURCE",
        required=True,
        help="A path or a gs://, s3://, az://, https:// address of a file "
        f"({_ENDINGS}; also .gz or .zst), or hf:name[:config][:split].",
    )


def add_column(parser: argparse.ArgumentParser) -> None:
    """`--column`."""
    parser.add_argument(
        "--column",
        metavar="NAME",
        default=OWN_COLUMN,
        help=f"Column that holds the prompt (default: {OWN_COLUMN}).",
    )


def add_target(parser: argparse.ArgumentParser) -> None:
    """`--to` and `--overwrite`."""
    parser.add_argument(
        "--to",
        dest="target",
        metavar="PATH",
        required=True,
        help="A .txt or .jsonl file, also .gz or .zst: a path or a gs://, s3://, az:// address.",
    )
    parser.add_argument("--overwrite", action="store_true", help="Replace what is there already.")


def said(console: Console, line: str) -> None:
    """Print a line, unless it is empty."""
    if line:
        console.print(line, markup=False, soft_wrap=True)
