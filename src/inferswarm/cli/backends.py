"""`inferswarm backends`: the names for --backend."""

import argparse

from inferswarm.adapters.table import BACKENDS
from inferswarm.errors import EXIT_OK

NAME = "backends"
SUMMARY = "List the wire formats that a target can speak."
EXAMPLES = "example:\n  inferswarm backends"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""


def execute(parsed: argparse.Namespace) -> int:
    """Print one line for each."""
    for backend in BACKENDS.values():
        print(f"{backend.name:12} {', '.join(backend.apis):28} {backend.sentence}")
    return EXIT_OK
