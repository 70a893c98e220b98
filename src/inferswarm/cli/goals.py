"""`inferswarm goals`: what can be asked of a run with --slo and of each request with --goodput."""

import argparse

from inferswarm.errors import EXIT_OK
from inferswarm.goals.presets import PRESETS
from inferswarm.goals.quantities import QUANTITIES, STATISTICS, UNITS
from inferswarm.goals.values import PER_REQUEST
from inferswarm.metrics import METRICS

NAME = "goals"
SUMMARY = "List what --slo and --goodput can ask for, and the presets."
EXAMPLES = """examples:
  inferswarm goals
  inferswarm run --slo 'ttft.p95<500ms' --slo 'error_rate<1%'
  inferswarm run --slo mlperf:llama2-70b-interactive
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""


def execute(parsed: argparse.Namespace) -> int:
    """Print each list."""
    print("--slo, a goal of the run: QUANTITY, then <, <=, > or >=, then a number and its unit")
    print(f"\n  a statistic ({', '.join(STATISTICS)}) of a metric, as in ttft.p95<500ms:")
    for metric in METRICS:
        print(f"    {metric.name:24} {_units(metric.unit):8} {metric.title}")
    print("\n  or one of:")
    for one in QUANTITIES.values():
        if not one.metric:
            print(f"    {one.name:24} {_units(one.unit)}")
    print("\n  or all goals of a preset (MLPerf Inference, Server scenario, since that round):")
    for name, preset in PRESETS.items():
        print(f"    {name:33} {preset.since}  {', '.join(preset.goals)}")
    print("\n--goodput, a limit of each request, as in ttft<500ms; METRIC, then < or <=:")
    print(f"    {', '.join(PER_REQUEST)}")
    print("\nQuote them: < and > mean something to the shell.")
    return EXIT_OK


def _units(unit: str) -> str:
    return ", ".join(filter(None, UNITS[unit]))
