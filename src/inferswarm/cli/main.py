"""`inferswarm`: finds the sub-command, and turns every expected error into one line and an exit code."""

import argparse
import os
import sys
from collections.abc import Sequence

from inferswarm import __version__
from inferswarm.cli import (
    backends,
    calibrate,
    compare,
    config,
    doctor,
    export,
    exporter,
    goals,
    locust,
    master,
    prompts,
    report,
    run,
    search,
    serve,
    simulate,
    sweep,
    upload,
    worker,
)
from inferswarm.cli.arguments import Parser, add_commands
from inferswarm.errors import EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_OK, InferswarmError

COMMANDS = (
    *(run, sweep, search, serve, master, worker, doctor, simulate, report, compare),
    *(export, upload, exporter, locust),
    *(prompts, calibrate, backends, goals, config),
)
_EPILOG = """examples:
  inferswarm run                                     load the built-in simulator for a minute
  inferswarm doctor --target localhost:8000          what a server is, and how to load it
  inferswarm run --target localhost:8000 --backend vllm --users 32 --duration 60s
  inferswarm sweep --rates '5..80*2'                 latency against throughput, run by run
  inferswarm search --slo 'ttft.p95<500ms'           the highest rate that still meets the goals
  inferswarm report runs/x                           rebuild summary and page from the records
  inferswarm export runs/x --format parquet          its requests for notebooks
  inferswarm compare runs/a runs/b                   what differs, and whether it is more than chance
  inferswarm calibrate --quick                       how true the times are on this machine

exit codes: 0 ok, 1 a goal was missed (--slo, --fail-if), 2 wrong input, 3 run invalid (--require-valid),
4 target unreachable or refusing, 5 internal error, 130 interrupted
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Leaves room beside the longest command, which argparse forgets to indent when it counts."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 4 + max(len(command.NAME) for command in COMMANDS)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = Parser(
        prog="inferswarm",
        description="Load an LLM inference server as its users will, and tell what they would feel.",
        epilog=_EPILOG,
        formatter_class=_Help,
    )
    top.add_argument("--version", action="version", version=f"inferswarm {__version__}")
    add_commands(top, "COMMAND", COMMANDS)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code for the shell."""
    try:
        parsed, unknown = parser().parse_known_args(arguments)
        if unknown:
            parsed.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        code = int(parsed.execute(parsed))
        sys.stdout.flush()  # a reader that has gone must show here, not when the interpreter ends
        return code  # noqa: TRY300 - the flush belongs to what may fail
    except InferswarmError as error:
        print(f"inferswarm: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("inferswarm: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`inferswarm ... | head`): nothing is wrong with us.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as bug:
        # The last line of defence: a bug of ours must still end in one line and its exit code.
        if "INFERSWARM_DEBUG" in os.environ:
            raise
        print(
            f"inferswarm: internal error: {type(bug).__name__}: {bug}; "
            "set INFERSWARM_DEBUG=1 for a traceback",
            file=sys.stderr,
        )
        return EXIT_INTERNAL
