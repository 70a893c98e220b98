"""`inferswarm simulate`: a simulated inference server that knows the truth of its own timing."""

import argparse

from inferswarm.cli.arguments import add_options, add_sources, configuration
from inferswarm.config.tree import SimulateConfig
from inferswarm.errors import EXIT_OK
from inferswarm.simulator.server import run

NAME = "simulate"
SUMMARY = "Serve a simulated model whose timing is known, to try things out or to check a client."
EXAMPLES = """examples:
  inferswarm simulate --port 8010 --ttft 200ms --itl 20ms --truth truth.jsonl
  inferswarm simulate --ttft 300ms --ttft-sigma 0.4 --max-concurrency 8
  inferswarm simulate --error-rate 0.05 --hangup-rate 0.01
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the server and of the simulated model."""
    add_options(parser, SimulateConfig, ("", "simulator"))
    add_sources(parser)


def execute(parsed: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    config = configuration(SimulateConfig, parsed)

    def announce(port: int) -> None:
        model = config.simulator.model
        print(
            f"simulating model {model!r} at http://{config.host}:{port} (Ctrl-C ends it)",
            flush=True,
        )

    run(config.simulator, config.host, config.port, config.truth, announce)
    return EXIT_OK
