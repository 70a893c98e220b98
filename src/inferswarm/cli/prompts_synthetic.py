"""`inferswarm prompts synthetic`: prompts of given lengths, made and put where runs read them."""

import argparse

from pydantic import ValidationError

from inferswarm.cli.bars import bar
from inferswarm.cli.prompts_target import add_target, said
from inferswarm.cli.view import open_console
from inferswarm.config.prompts import PromptOptions
from inferswarm.errors import EXIT_OK, InputError
from inferswarm.sources import synthetic
from inferswarm.sources.writing import check_target, write_prompts
from inferswarm.stores import Uri

NAME = "synthetic"
SUMMARY = "Make prompts of given lengths, in groups that begin alike if wanted."
EXAMPLES = """examples:
  inferswarm prompts synthetic --count 1000 --input-tokens 512 --tokenizer NAME --to prompts.jsonl
  inferswarm prompts synthetic --count 500 --input-tokens lognormal:800,400 \\
      --output-tokens uniform:50..300 --tokenizer NAME --to gs://bucket/prompts.jsonl
  inferswarm prompts synthetic --count 500 --input-tokens 2000 --prefix-tokens 1500 \\
      --prefix-groups 10 --token-ids --tokenizer NAME --to prompts.jsonl
Lengths: 512, uniform:100..900, normal:MEAN,DEVIATION, lognormal:MEAN,DEVIATION of the lengths
themselves, or a file of `length,weight` lines. Without a tokenizer they are words.
"""
_FLAGS = {
    "input_tokens": "LENGTHS",
    "output_tokens": "LENGTHS",
    "tokenizer": "NAME",
    "prefix_tokens": "N",
    "prefix_groups": "N",
    "seed": "N",
}
"""Options of a run that this command has too, each with what stands for its value."""
MOST_PROMPTS = 10_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, how long, where to."""
    parser.add_argument("--count", type=int, required=True, metavar="N", help="How many prompts.")
    for name, shown in _FLAGS.items():
        field = PromptOptions.model_fields[name]
        parser.add_argument(
            f"--{name.replace('_', '-')}", metavar=shown, default=None, help=field.description
        )
    parser.add_argument(
        "--token-ids", action="store_true", help=PromptOptions.model_fields["token_ids"].description
    )
    add_target(parser)


def execute(parsed: argparse.Namespace) -> int:
    """Check options and target, then write the prompts as they are made."""
    options, console, uri = _options(parsed), open_console(), Uri.parse(parsed.target)
    synthetic.check(options)
    more = bool(options.token_ids or options.output_tokens or options.prefix_tokens)
    check_target(uri, overwrite=parsed.overwrite, lines_only=more)
    with bar(console) as progress, synthetic.tokens_of(options) as tokens:
        maker = synthetic.maker_of(options, tokens)
        prompts = maker.prompts(
            parsed.count, lambda made: progress("making prompts", made, parsed.count)
        )
        count = write_prompts(prompts, uri, overwrite=parsed.overwrite)
    for note in synthetic.notes_on(maker, options):
        said(console, note)
    said(console, f"{count:,} prompts written to {uri}")
    return EXIT_OK


def _options(parsed: argparse.Namespace) -> PromptOptions:
    if not 1 <= parsed.count <= MOST_PROMPTS:
        raise InputError(f"--count must be 1 to {MOST_PROMPTS:,}, not {parsed.count}")
    given = {name: getattr(parsed, name) for name in _FLAGS if getattr(parsed, name) is not None}
    given |= {"source": synthetic.SOURCE, "token_ids": parsed.token_ids}
    try:
        return PromptOptions.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        flag = "--" + "-".join(map(str, first["loc"])).replace("_", "-")
        raise InputError(f"{flag}: {first['msg']}; given {first['input']!r}") from None
