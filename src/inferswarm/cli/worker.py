"""`inferswarm worker`: lend this machine's core to a master elsewhere, run after run."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from inferswarm.errors import EXIT_OK, InputError
from inferswarm.secret import ENVIRONMENT, read_token

NAME = "worker"
SUMMARY = "Join a master (`inferswarm master`) with one worker process, for one run after another."
EXAMPLES = """examples:
  INFERSWARM_TOKEN=... inferswarm worker --master bench-1:5557
  inferswarm worker --master 10.0.0.5:5557 --token-file /run/secrets/token
  for n in 1 2 3 4; do inferswarm worker --master bench-1:5557 & done   a worker for each core
"""
PAUSE_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the master is, and the secret that it asks for."""
    parser.add_argument("--master", required=True, metavar="HOST:PORT", help="The master's --bind.")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"The token, else from {ENVIRONMENT}."
    )
    parser.add_argument("--once", action="store_true", help="End after one run.")


def execute(parsed: argparse.Namespace) -> int:
    """One load process for each run, until Ctrl-C."""
    host, _, port = parsed.master.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"--master was given {parsed.master!r}; it must be HOST:PORT")
    token = read_token(parsed.token_file)
    if not token:
        raise InputError(f"the master asks for its token: set {ENVIRONMENT}, or give --token-file")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    print(f"joining {parsed.master} (Ctrl-C ends it)", flush=True)
    while True:
        _serve(f"{parsed.master} {token}\n".encode())
        if parsed.once:
            return EXIT_OK
        time.sleep(PAUSE_S)


def _serve(told: bytes) -> None:
    """One worker process from its connection to the end of its run; its end when ours comes first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "inferswarm.load.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(told)
        process.stdin.flush()
        process.wait()
    except BrokenPipeError:
        process.wait()
    finally:
        process.stdin.close()
        process.wait()
