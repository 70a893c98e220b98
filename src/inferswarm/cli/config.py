"""`inferswarm config`: every option, where it can be given, and what a configuration resolves to."""

import argparse

import yaml

from inferswarm.cli.arguments import add_sources, configuration, help_of
from inferswarm.config.sources import masked, options_of
from inferswarm.config.tree import RunConfig
from inferswarm.errors import EXIT_OK

NAME = "config"
SUMMARY = "List every option of a run, or check a configuration file and show what it resolves to."
EXAMPLES = """examples:
  inferswarm config                                  every option with its flag and variable
  inferswarm config --config bench.yaml              check a file; print it with all defaults
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sources of a configuration, flags left out."""
    add_sources(parser)


def execute(parsed: argparse.Namespace) -> int:
    """List, or resolve."""
    if parsed.config or parsed.assignments:
        resolved = configuration(RunConfig, parsed)
        print(yaml.safe_dump(masked(resolved), sort_keys=False), end="")
        return EXIT_OK
    for option in options_of(RunConfig):
        names = ", ".join(filter(None, [option.flag, option.environment]))
        print(f"{option.key}\n    {help_of(option).replace('%%', '%')}\n    {names}")
    return EXIT_OK
