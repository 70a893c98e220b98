"""`inferswarm run`: load a server, watch, and get a verdict and a report folder."""

import argparse

from inferswarm.cli.arguments import add_options, add_sources, configuration, values_of_file
from inferswarm.cli.carrying import exit_code, finish, load_once, prepare, target
from inferswarm.cli.view import open_console
from inferswarm.config.sources import Given
from inferswarm.config.tree import RunConfig

NAME = "run"
SUMMARY = "Load an inference server and report what its users would feel."
EXAMPLES = """examples:
  inferswarm run
  inferswarm run --target http://localhost:8000 --backend vllm --model NAME \\
      --prompts prompts.txt --users 32 --spawn-rate 8 --duration 60s \\
      --max-output-tokens 128 --out runs/x
  inferswarm run --target localhost:8000 --api chat --requests 500 --users 16
  inferswarm run --config bench.yaml --set timeouts.first_byte=2m
  inferswarm run --target localhost:8000 --slo 'ttft.p95<500ms' --slo 'error_rate<1%'
"""
SECTIONS = ("target", "prompts", "request", "load", "arrivals", "goals", "output", "telemetry")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the common options, and the sources of all of them."""
    add_options(parser, RunConfig, SECTIONS)
    add_sources(parser)
    parser.add_argument(
        "--require-valid", action="store_true", help="Exit with code 3 when the verdict is INVALID."
    )


def execute(parsed: argparse.Namespace) -> int:
    """Check everything that can be checked, then load, then report."""
    return carry_out(parsed, [])


def carry_out(parsed: argparse.Namespace, defaults: list[Given]) -> int:
    """A run; `defaults` give way to everything that the user says."""
    console = open_console()
    config = configuration(RunConfig, parsed, [*defaults, *values_of_file(parsed)])
    ready = prepare(config, console)
    with target(ready.config, console) as config:
        loaded = load_once(ready, config, console, console)
    return exit_code(loaded, finish(loaded, console), require_valid=parsed.require_valid)
