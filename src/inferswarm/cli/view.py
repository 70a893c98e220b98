"""The live view of a run: a screen that renews itself in a terminal, plain lines elsewhere."""

import contextlib
import os
import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from inferswarm.config.tree import RunConfig
from inferswarm.reports.text import errors, latencies, number
from inferswarm.snapshot import Snapshot

PLAIN_INTERVAL_S = 5.0
PIPE_WIDTH = 200
_LIVE_METRICS = ("ttft", "itl", "e2e")


class View(Protocol):
    """Shows the events of a run."""

    def show(self, event: dict[str, Any]) -> None:
        """Take in one event of the master, or a tick."""

    def interrupted(self) -> None:
        """Somebody asked for the end; called from a signal handler."""


class _Progress:
    """What the views share: how far the run is, and its newest numbers."""

    def __init__(self, config: RunConfig) -> None:
        self._lasting = config.lasting
        self._load = config.load
        self._what = "requests" if config.prompts.conversations == "first" else "conversations"
        self._started_s: float | None = None
        self.phase = "starting"
        self.last: dict[str, Any] = {}
        self.snapshot: Snapshot | None = None

    def take(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "started":
                self._started_s, self.phase = time.monotonic(), "running"
            case "draining":
                self.phase = f"draining: answers under way have {self._load.grace} to end"
            case "snapshot":
                self.last = event
                self.snapshot = msgspec.convert(event["snapshot"], Snapshot)

    @property
    def stopping(self) -> str:
        return f"stopping: answers under way have {self._load.grace} to end"

    @property
    def elapsed_s(self) -> float:
        return 0.0 if self._started_s is None else time.monotonic() - self._started_s

    @property
    def share(self) -> float:
        """How much of the run is done, by time or by requests, whichever is further."""
        shares = [0.0]
        if lasting := self._lasting:
            shares.append(self.elapsed_s / lasting.seconds)
        if self._load.requests and self.snapshot:
            talks = self.snapshot.conversations
            begun = self.snapshot.requests.attempted - (talks.further_turns if talks else 0)
            shares.append(begun / self._load.requests)
        return min(1.0, max(shares))

    @property
    def goal(self) -> str:
        parts = [str(self._lasting)] if self._lasting else []
        parts += [f"{self._load.requests:,} {self._what}"] if self._load.requests else []
        parts += [] if parts else ["the schedule"]
        return " or ".join(parts)


class LiveView:
    """A screen for a terminal, drawn again with every snapshot."""

    def __init__(self, console: Console, config: RunConfig) -> None:
        self._progress = _Progress(config)
        self._users = "users [bold]{}[/]" + f" of {config.load.users}"
        if config.arrivals.open_loop:
            self._users = f"open loop, {config.arrivals.told}"
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._draw()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._live.stop()

    def interrupted(self) -> None:
        """The next drawing says so: a line of ours would tear the screen."""
        self._progress.phase = self._progress.stopping

    def show(self, event: dict[str, Any]) -> None:
        """Take in one event and draw."""
        self._progress.take(event)
        self._draw()

    def _draw(self) -> None:
        parts: list[RenderableType] = [self._bar()]
        shot = self._progress.snapshot
        if shot is not None:
            parts += [self._rates(shot), Text(), latencies(shot, _LIVE_METRICS)]
            if shot.requests.failed:
                parts += [Text(), errors(shot.requests.by_outcome)]
        parts.append(Text("\nCtrl-C ends the load in order; a second one at once", style="dim"))
        self._live.update(Group(*parts), refresh=True)

    def _bar(self) -> Table:
        progress = self._progress
        grid = Table.grid(padding=(0, 1))
        grid.add_row(
            Text(progress.phase, style="bold"),
            ProgressBar(total=1.0, completed=progress.share, width=32),
            f"{progress.share:.0%}",
            f"{progress.elapsed_s:.0f} s of {progress.goal}",
        )
        return grid

    def _rates(self, shot: Snapshot) -> Table:
        last, rate, talks = self._progress.last, shot.throughput, shot.conversations
        grid = Table.grid(padding=(0, 3))
        grid.add_row(
            self._users.format(last["users"]),
            f"in flight [bold]{last['in_flight']}[/]",
            f"workers {last['workers']}",
            f"done [bold]{shot.requests.succeeded:,}[/]",
            f"failed [bold]{shot.requests.failed:,}[/]",
        )
        grid.add_row(
            f"now [bold]{number(last['recent']['requests_per_s'])}[/] req/s",
            f"[bold]{number(last['recent']['output_tokens_per_s'])}[/] tokens/s",
            f"conversations [bold]{talks.complete:,}[/]" if talks else "",
            f"mean {number(rate.requests_per_s)} req/s",
            f"{number(rate.output_tokens_per_s)} tokens/s",
        )
        return grid


class PlainView:
    """A line now and then, for logs and pipes."""

    def __init__(self, console: Console, config: RunConfig) -> None:
        self._console = console
        self._progress = _Progress(config)
        self._shown_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        return None

    def interrupted(self) -> None:
        """Say so at once."""
        complain(f"\n{self._progress.stopping}")

    def show(self, event: dict[str, Any]) -> None:
        """Take in one event; print when the last line is old enough, or the phase changed."""
        before = self._progress.phase
        self._progress.take(event)
        if self._progress.phase != before:
            self._print(self._progress.phase)
        due = time.monotonic() - self._shown_s >= PLAIN_INTERVAL_S
        shot = self._progress.snapshot
        told = shot is not None and (shot.requests.attempted or self._progress.elapsed_s > 2)
        if event["event"] == "snapshot" and due and told and shot is not None:
            self._shown_s = time.monotonic()
            self._print(self._line(shot))

    def _line(self, shot: Snapshot) -> str:
        last = self._progress.last
        ttft, itl = shot.metrics["ttft"], shot.metrics["itl"]
        by_outcome = shot.requests.by_outcome.items()
        failed = ", ".join(f"{kind} {count}" for kind, count in by_outcome if kind != "ok")
        return (
            f"users {last['users']}, in flight {last['in_flight']}, "
            f"done {shot.requests.succeeded}, {number(last['recent']['requests_per_s'])} req/s, "
            f"{number(last['recent']['output_tokens_per_s'])} tokens/s, "
            f"TTFT p50/p99 {number(ttft.p50)}/{number(ttft.p99)} ms, "
            f"ITL p50/p99 {number(itl.p50)}/{number(itl.p99)} ms, errors {failed or 'none'}"
        )

    def _print(self, line: str) -> None:
        elapsed = f"{self._progress.elapsed_s:5.0f} s"
        self._console.print(f"{elapsed}  {line}", markup=False, soft_wrap=True)


class _EnduringConsole(Console):
    """Goes on silently when its reader is gone: a run is worth more than its screen."""

    def on_broken_pipe(self) -> None:
        """Called by rich in place of ending the process."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_console() -> Console:
    """Our output; lines are not broken where no person reads them."""
    return _EnduringConsole(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def complain(line: str) -> None:
    """One line on stderr, if anybody still reads it."""
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode(errors="replace"))


def view_for(console: Console, config: RunConfig) -> LiveView | PlainView:
    """A screen where there is a terminal, lines where not."""
    return (LiveView if console.is_terminal else PlainView)(console, config)
