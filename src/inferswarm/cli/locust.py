"""`inferswarm locust`: a plain Locust, for images and pods whose first word is always ours."""

import argparse
import os
import sys

NAME = "locust"
SUMMARY = "A plain Locust with its own options, for a file that uses our user."
EXAMPLES = """examples:
  inferswarm locust -f locustfile.py --host http://localhost:8000 --headless -u 32 -r 8 -t 60s
  inferswarm locust -f locustfile.py --worker --master-host bench-1

All options are Locust's: `locust --help` lists them."""
HELP = (["-h"], ["--help"])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whatever follows is Locust's."""
    # argparse would look for options of its own among them: here a word never begins one.
    parser.prefix_chars = "\0"
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="Locust's.")


def execute(parsed: argparse.Namespace) -> int:
    """Become Locust: its signals and its exit code are ours."""
    if parsed.arguments in HELP:
        parsed.parser.print_help()
        parsed.parser.exit()
    command = [sys.executable, "-m", "locust", *parsed.arguments]
    os.execv(sys.executable, command)  # noqa: S606 - its own module, by our own interpreter
