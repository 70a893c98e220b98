"""`inferswarm simulate`: a simulated inference server that knows the truth of its own timing."""

import argparse

from inferswarm.cli.arguments import add_options, add_sources, configuration, values_of_file
from inferswarm.cli.view import complain
from inferswarm.config.sources import Given
from inferswarm.config.tree import ALIASES, RunConfig, SimulateConfig
from inferswarm.errors import EXIT_OK
from inferswarm.simulator.server import run

NAME = "simulate"
SUMMARY = "Serve a simulated model whose timing is known, to try things out or to check a client."
EXAMPLES = """examples:
  inferswarm simulate --port 8010 --ttft 200ms --itl 20ms --truth truth.jsonl
  inferswarm simulate --ttft 300ms --ttft-sigma 0.4 --max-concurrency 8
  inferswarm simulate --error-rate 0.05 --hangup-rate 0.01
  inferswarm simulate --backend tgi                  TGI's routes, headers and errors
  inferswarm simulate --backend tensorrt_llm_triton --set simulator.echo_prompt=true
  inferswarm simulate --backend sglang --set simulator.stream_text=incremental
  inferswarm simulate --backend vllm --reasoning-tokens 16 --set simulator.server_timings=true
  inferswarm simulate --config bench.yaml            the `simulator` section of a run's file
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the server and of the simulated model."""
    add_options(parser, SimulateConfig, ("", "simulator"))
    add_sources(parser)


def execute(parsed: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    config = configuration(SimulateConfig, parsed, _of_file(parsed))
    options = config.simulator

    def announce(port: int) -> None:
        print(
            f"simulating {options.backend}, model {options.model!r}, at "
            f"http://{config.host}:{port} (Ctrl-C ends it)",
            flush=True,
        )

    run(options, config.host, config.port, config.truth, announce)
    return EXIT_OK


def _of_file(parsed: argparse.Namespace) -> list[Given]:
    """The file's values without those that only a run has, which is said."""
    givens = values_of_file(parsed)
    foreign = RunConfig.model_fields.keys() - SimulateConfig.model_fields.keys()
    sections = [ALIASES.get(one.key, one.key).partition(".")[0] for one in givens]
    left_out = [section for section in sections if section in foreign]
    if left_out:
        named = ", ".join(dict.fromkeys(left_out))
        complain(f"inferswarm: {parsed.config}: only for runs, left out here: {named}")
    return [one for one, section in zip(givens, sections, strict=True) if section not in foreign]
