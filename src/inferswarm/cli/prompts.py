"""`inferswarm prompts`: prepares datasets, and looks at them."""

import argparse

from inferswarm.cli import prompts_import, prompts_sharegpt, prompts_stats, prompts_synthetic
from inferswarm.cli.arguments import Parser

NAME = "prompts"
SUMMARY = "Prepare prompts and put them where runs read them, or look at some."
ACTIONS = (prompts_sharegpt, prompts_import, prompts_synthetic, prompts_stats)
"""Each with NAME, SUMMARY, EXAMPLES, add_arguments and execute, as a command has them."""
EXAMPLES = "examples:\n" + "\n".join(
    line for action in ACTIONS for line in action.EXAMPLES.splitlines()[1:2]
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A sub-command for each action."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)
    for action in ACTIONS:
        sub = actions.add_parser(
            action.NAME,
            help=action.SUMMARY,
            description=action.SUMMARY,
            epilog=action.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        action.add_arguments(sub)
        sub.set_defaults(execute=action.execute, parser=sub)


def execute(parsed: argparse.Namespace) -> int:
    """Never called: an action is required, and has its own."""
    raise AssertionError(parsed)
