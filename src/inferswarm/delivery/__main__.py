"""`python -m inferswarm.delivery`: brings a run's results away while the run goes on.

A process of its own, because neither Locust's processes (gevent patches them) nor the live view can
wait for a network. It is driven through pipes: its first line of input is a `Job` as JSON, a later line
`finish` means that nothing more will be written, and the end of input ends it at once.
After `finish` it writes one JSON object a line:

    {"event": "progress", "files": 3, "of_files": 9, "bytes": 1200, "of_bytes": 5600, "trouble": ""}
    {"event": "done", "sent": 4}
    {"event": "failed", "error": "..."}
"""

import os
import sys
import threading
from io import RawIOBase
from pathlib import Path
from typing import Any

import msgspec

from inferswarm.delivery.following import Follower, KeptParts, SealedParts
from inferswarm.delivery.journal import Journal
from inferswarm.delivery.manifest import read_manifest, write_manifest
from inferswarm.delivery.process import Job
from inferswarm.delivery.retrying import Pauses, retried
from inferswarm.delivery.sending import Progress, Sender, deliver
from inferswarm.errors import InferswarmError
from inferswarm.storage.folder import RunFolder
from inferswarm.stores import Uri
from inferswarm.stores.errors import StoreError

POLL_S = 1.0


def main() -> None:
    """Follow, then finish."""
    # Unbuffered: a thread that waits in a buffer cannot be left at exit, and none may read ahead.
    lines = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
    told = lines.readline()
    if not told:
        return  # the parent ended before there was anything to do
    job = msgspec.json.decode(told, type=Job)
    finish = threading.Event()
    threading.Thread(target=_obey, args=(lines, finish), daemon=True).start()
    try:
        _say("done", sent=_carry_out(job, finish))
    except InferswarmError as error:
        finish.wait()
        _say("failed", error=str(error))


def _carry_out(job: Job, finish: threading.Event) -> int:
    place = Uri.parse(job.place)
    folder = RunFolder(Path(job.folder))
    if job.parts_only:
        follower = Follower(KeptParts(folder.path), Sender(place, Journal(None)))
        _follow(follower, finish)
        return retried(follower.send_ready, job.patience_s)
    sender = Sender.of_run(folder, place)
    _follow(Follower(SealedParts(folder), sender), finish)
    manifest = read_manifest(folder) or write_manifest(folder)
    return deliver(sender, folder, manifest, _show, job.patience_s)


def _follow(follower: Follower, finish: threading.Event) -> None:
    """Send parts as they come, until there will be no more; trouble only makes it slower."""
    waiting, before = Pauses(), 0
    while not finish.is_set():
        pause_s = POLL_S
        try:
            follower.send_ready(finish.is_set)
        except StoreError:
            # It is tried again at the end, which says what does not work.
            waiting = Pauses() if follower.sent > before else waiting
            pause_s = waiting.take()
        before = follower.sent
        finish.wait(pause_s)


def _obey(lines: RawIOBase, finish: threading.Event) -> None:
    """Wait for the word of the parent; without a parent nothing is left to do."""
    while told := lines.readline():
        if told == b"finish\n":
            finish.set()
    os._exit(0)


def _show(progress: Progress) -> None:
    _say("progress", **msgspec.to_builtins(progress))


def _say(event: str, **facts: Any) -> None:
    sys.stdout.buffer.write(msgspec.json.encode({"event": event, **facts}) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
