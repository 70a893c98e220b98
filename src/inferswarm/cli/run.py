"""`inferswarm run`: load a server, watch, and get a verdict and a report folder."""

import argparse

from inferswarm.cli import standing, web_side
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
  inferswarm run --web                      a web UI at 127.0.0.1:8089, which starts and shows runs
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
    web_side.add_arguments(parser)


def execute(parsed: argparse.Namespace) -> int:
    """Check everything that can be checked, then load, then report; or wait to be asked for runs."""
    return carry_out(parsed, [])


def carry_out(parsed: argparse.Namespace, defaults: list[Given]) -> int:
    """A run, or with --web one after another; `defaults` give way to everything that the user says."""
    if parsed.web is not None:
        return standing.stand(parsed, defaults)
    console = open_console()
    config = configuration(RunConfig, parsed, [*defaults, *values_of_file(parsed)])
    ready = prepare(config, console)
    with target(ready.config, console) as config:
        loaded = load_once(ready, config, console, console)
    return exit_code(loaded, finish(loaded, console), require_valid=parsed.require_valid)
