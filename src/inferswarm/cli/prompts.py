"""`inferswarm prompts`: prepares datasets, and looks at them."""

import argparse

from inferswarm.cli import prompts_import, prompts_sharegpt, prompts_stats, prompts_synthetic
from inferswarm.cli.arguments import add_commands

NAME = "prompts"
SUMMARY = "Prepare prompts and put them where runs read them, or look at some."
ACTIONS = (prompts_sharegpt, prompts_import, prompts_synthetic, prompts_stats)
EXAMPLES = "examples:\n" + "\n".join(
    line for action in ACTIONS for line in action.EXAMPLES.splitlines()[1:2]
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A sub-command for each action."""
    add_commands(parser, "ACTION", ACTIONS)


def execute(parsed: argparse.Namespace) -> int:
    """Never called: an action is required, and has its own."""
    raise AssertionError(parsed)
