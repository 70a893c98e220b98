"""`python -m inferswarm.simulator`: the simulated server as a process of its own.

Prints `listening PORT` when it is ready and ends on SIGTERM, on SIGINT and, with `--lifeline`, when
its standard input is closed, so that it never outlives the process that started it.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import threading
from pathlib import Path

from pydantic import ValidationError

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.errors import EXIT_OK, InferswarmError, InputError
from inferswarm.simulator.server import run


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m inferswarm.simulator")
    parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
    parser.add_argument("--port", type=int, default=0, help="Port; 0 picks a free one.")
    parser.add_argument("--truth", type=Path, help="File for the truth log.")
    parser.add_argument("--options", default="{}", help="SimulatorOptions as JSON.")
    parser.add_argument("--api-key-env", help="Environment variable that holds the API key.")
    parser.add_argument("--lifeline", action="store_true", help="End when stdin is closed.")
    return parser.parse_args(argv)


def _options(text: str, api_key_env: str | None) -> SimulatorOptions:
    try:
        options = SimulatorOptions.model_validate_json(text)
        if api_key_env is None:
            return options
        given = options.model_dump() | {"api_key": os.environ[api_key_env]}
        return SimulatorOptions.model_validate(given)
    except ValidationError as error:
        raise InputError(f"--options do not fit: {error}") from error
    except KeyError as error:
        raise InputError(f"--api-key-env: {api_key_env} is not set; set it") from error


def _follow_stdin(loop: asyncio.AbstractEventLoop, server: asyncio.Task[None] | None) -> None:
    """Cancel the server when standard input is closed; runs in a thread of its own."""
    # Not sys.stdin: a thread that waits in its buffer cannot be left at exit.
    while os.read(sys.stdin.fileno(), 65536):
        pass
    # RuntimeError: the loop is closed, so the server has ended already.
    with contextlib.suppress(RuntimeError):
        if server is not None:
            loop.call_soon_threadsafe(server.cancel)


def main(argv: list[str]) -> int:
    """Serve until told to stop; gives the exit code."""
    arguments = _arguments(argv)

    def on_listening(port: int) -> None:
        print(f"listening {port}", flush=True)
        if arguments.lifeline:
            given = (asyncio.get_running_loop(), asyncio.current_task())
            threading.Thread(target=_follow_stdin, args=given, daemon=True).start()

    try:
        options = _options(arguments.options, arguments.api_key_env)
        run(options, arguments.host, arguments.port, arguments.truth, on_listening)
    except InferswarmError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except asyncio.CancelledError:
        # The lifeline ended the server.
        return EXIT_OK
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
