"""The load of a run as its command sees it: the live view, and what Ctrl-C means."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from inferswarm.cli.view import View, complain, view_for
from inferswarm.config.tree import RunConfig
from inferswarm.errors import EXIT_INTERRUPTED, LoadProcessError
from inferswarm.facts import facts_of
from inferswarm.runs import LocalRun, MasterProcess
from inferswarm.storage import RunFolder


@dataclass(frozen=True, slots=True)
class Stand:
    """A standing master that carries one run after another; `root` has a folder for each.

    `key` names the wish for this run, so that whoever asks for it again gets the same one.
    """

    master: MasterProcess
    root: Path
    key: str = ""


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHOW_CURSOR = b"\x1b[?25h"


def carry_load(
    plan: dict[str, Any],
    config: RunConfig,
    folder: RunFolder,
    console: Console,
    stand: Stand | None = None,
    hear: Callable[[dict[str, Any]], None] = lambda _: None,
) -> tuple[dict[str, Any], bool]:
    """Carry the plan out; (the master's last word, whether somebody interrupted).

    `hear` is told every event of the master, and must not wait for anything.
    """
    ended: dict[str, Any] = {}
    with (
        _run_of(plan, config, folder, stand) as local,
        view_for(console, config) as view,
        _interruptible(local, view, folder) as interrupts,
    ):
        try:
            for event in local.events():
                view.show(event)
                hear(event)
                if event["event"] == "ended":
                    ended = event
        except LoadProcessError as error:
            if not any(folder.records.iterdir()):
                raise
            ended = {"trouble": str(error)}  # what was recorded until then is worth a report
    return ended, bool(interrupts)


def _run_of(
    plan: dict[str, Any], config: RunConfig, folder: RunFolder, stand: Stand | None
) -> LocalRun:
    workers, log = config.load.workers, folder.log
    if stand is None:
        return LocalRun(plan, workers, log)
    return LocalRun(plan, workers, log, stand.master, facts_of(folder))


@contextlib.contextmanager
def _interruptible(local: LocalRun, view: View, folder: RunFolder) -> Iterator[list[int]]:
    """First Ctrl-C (or SIGTERM): end in order. Second: end at once. Yields the signals so far."""
    interrupts: list[int] = []

    def interrupted(number: int, _: object) -> None:
        interrupts.append(number)
        if len(interrupts) > 1:
            local.kill_now()
            if sys.stdout.isatty():
                os.write(1, SHOW_CURSOR)
            again = f"inferswarm report {folder.path}"
            complain(f"\ninferswarm: ended at once; `{again}` rebuilds from the records")
            os._exit(EXIT_INTERRUPTED)
        local.stop()
        view.interrupted()

    kept = {number: signal.signal(number, interrupted) for number in STOP_SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
