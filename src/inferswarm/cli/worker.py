"""`inferswarm worker`: lend this machine's core to a master elsewhere, run after run."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from inferswarm.config.units import Duration
from inferswarm.delivery.process import Job, Uploader
from inferswarm.delivery.sending import place_of
from inferswarm.errors import EXIT_OK, InputError, StorageError
from inferswarm.secret import ENVIRONMENT, read_token
from inferswarm.stores import Uri

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
    parser.add_argument(
        "--grace",
        default="10m",
        metavar="TIME",
        help="How long, told to end by SIGTERM, it may go on to the end of its run. "
        "(default: %(default)s)",
    )


def execute(parsed: argparse.Namespace) -> int:
    """One load process for each run, until Ctrl-C, or until SIGTERM and the end of a run."""
    host, _, port = parsed.master.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"--master was given {parsed.master!r}; it must be HOST:PORT")
    token = read_token(parsed.token_file)
    if not token:
        raise InputError(f"the master asks for its token: set {ENVIRONMENT}, or give --token-file")
    leave = _Leave(_grace_s(parsed.grace))
    signal.signal(signal.SIGTERM, leave.asked_for)
    for number in (signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.default_int_handler)
    print(f"joining {parsed.master} (Ctrl-C ends it)", flush=True)
    while True:
        _serve(f"{parsed.master} {token}\n".encode(), leave)
        if parsed.once or leave.asked:
            return EXIT_OK
        time.sleep(PAUSE_S)


def _grace_s(given: str) -> float:
    try:
        return Duration.parse(given).seconds
    except ValueError as error:
        raise InputError(f"--grace was given {given!r}; {error}") from None


class _Leave:
    """What SIGTERM means: at once between runs, after its end during one, for which others count on us.

    A run of many machines is worth less with each worker that it loses; whoever asks a second time, or
    has waited for `grace_s`, does not mind.
    """

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self.asked = False
        self.in_run = False

    def asked_for(self, number: int, frame: object) -> None:
        """The signal's handler; raises KeyboardInterrupt to end now."""
        if self.asked or not self.in_run or not self._grace_s:
            raise KeyboardInterrupt
        self.asked = True
        with contextlib.suppress(OSError):  # not `print`: it may be what was interrupted
            os.write(sys.stdout.fileno(), b"told to end: after this run\n")
        signal.setitimer(signal.ITIMER_REAL, self._grace_s)


class _Kept(msgspec.Struct, frozen=True):
    """What a worker process says of the records that it keeps until its master has them."""

    folder: str
    upload: str
    run: str


def _serve(told: bytes, leave: _Leave) -> None:
    """One worker process from its connection to the end of its run; its end when ours comes first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "inferswarm.load.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env=os.environ,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    safes: list[_Safe] = []
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(told)
            process.stdin.flush()
        for line in process.stdout:
            leave.in_run = leave.in_run or _kept_in(line) is not None
            safes += _safe_for(line)
        process.wait()
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
        for safe in safes:
            safe.end()
        leave.in_run = False


class _Safe:
    """Uploads what a worker keeps while its run goes on, and the rest if the master is gone."""

    def __init__(self, kept: _Kept, place: Uri) -> None:
        self._kept = kept
        self._place = place
        self._uploader = Uploader(Job(kept.folder, str(place), parts_only=True))
        self._uploader.start()

    def end(self) -> None:
        """The worker has ended; what its master took is no longer in its folder."""
        with self._uploader as uploader:
            if not Path(self._kept.folder).exists():
                return
            said = f"run {self._kept.run}: the master did not take records in {self._kept.folder}"
            try:
                uploader.finish()
                print(f"{said}; all of them are at {self._place}", flush=True)
            except StorageError as error:
                print(f"{said}, nor are all at {self._place}: {error}", flush=True)


def _safe_for(line: bytes) -> list[_Safe]:
    """Where the records of which a worker tells are safe besides; nowhere without a bucket."""
    kept = _kept_in(line)
    if kept is None or not kept.upload or Uri.parse(kept.upload).is_local:
        return []
    return [_Safe(kept, place_of(kept.upload, kept.run))]


def _kept_in(line: bytes) -> _Kept | None:
    """What a worker process says of its run; None for something else that was printed."""
    try:
        return msgspec.json.decode(line, type=_Kept)
    except msgspec.DecodeError:
        return None
