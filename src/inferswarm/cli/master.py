"""`inferswarm master`: runs whose workers are on other machines, one or one after another."""

import argparse

from inferswarm.cli import run
from inferswarm.config.sources import Given

NAME = "master"
SUMMARY = "Like `run`, but with workers that join from other machines; with --web, run after run."
EXAMPLES = """examples:
  INFERSWARM_TOKEN=... inferswarm master --bind 0.0.0.0:5557 --remote-workers 4 \\
      --target http://server:8000 --backend vllm --rate 500/s --duration 10m
  inferswarm master --remote-workers 2 --users 64      waits for two workers at 127.0.0.1:5557
  inferswarm master --web --workers 2 --target http://localhost:8000
      stays, with a web UI at 127.0.0.1:8089 and two workers of its own for each run
  INFERSWARM_SERVICE_TOKEN=... inferswarm master --web 0.0.0.0:8089 --bind 0.0.0.0:5557
      stays, for runs by whichever workers have joined

Workers may also join while it loads. Without INFERSWARM_TOKEN a token is made and shown. The talk
between them is not encrypted: keep it inside a network of your own."""
DEFAULTS = {"load.bind": "127.0.0.1:5557", "load.workers": 0, "load.remote_workers": 1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of a run."""
    run.add_arguments(parser)


def execute(parsed: argparse.Namespace) -> int:
    """A run with other defaults, or one after another."""
    defaults = [Given(key, value, "inferswarm master") for key, value in DEFAULTS.items()]
    return run.carry_out(parsed, defaults)
