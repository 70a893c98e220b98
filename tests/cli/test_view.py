"""Facts about the live view: numbers in a terminal, lines elsewhere."""

from io import StringIO
from typing import Any

import pytest
from msgspec import to_builtins
from rich.console import Console

from inferswarm.cli.view import LiveView, PlainView, view_for
from inferswarm.config.tree import RunConfig
from inferswarm.exchange import Outcome
from inferswarm.snapshot import take
from inferswarm.summary import Summary
from inferswarm.verdict import Client
from tests.builders import START_NS, failure, record

LOAD = RunConfig.model_validate({"load": {"users": 8, "requests": 200}})
TICK = {"event": "tick"}
STARTED = {"event": "started"}
DRAINING = {"event": "draining"}


def terminal(*, real: bool) -> Console:
    """A console of 120 columns that keeps what is printed."""
    return Console(file=StringIO(), width=120, height=40, force_terminal=real, color_system=None)


def printed(console: Console) -> str:
    """What it has kept."""
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def snapshot(*, failed: int = 0, succeeded: int = 50) -> dict[str, Any]:
    """The master's event with the numbers so far, as it arrives over the pipe."""
    summary = Summary()
    for _ in range(succeeded):
        summary.add(record(due_ns=START_NS, sent_ns=START_NS))
    for _ in range(failed):
        summary.add(failure(Outcome.HTTP_STATUS, status=429, sent_ns=START_NS))
    return {
        "event": "snapshot",
        "users": 8,
        "in_flight": 5,
        "workers": 2,
        "recent": {"requests_per_s": 12.34, "output_tokens_per_s": 567.8, "failed_per_s": 0},
        "snapshot": to_builtins(take(summary, Client())),
    }


def test_a_terminal_gets_a_screen_and_a_pipe_gets_lines() -> None:
    """The kind of view follows from the console."""
    assert isinstance(view_for(terminal(real=True), LOAD), LiveView)
    assert isinstance(view_for(terminal(real=False), LOAD), PlainView)


def test_the_screen_shows_the_numbers() -> None:
    """Progress, users, rates and latencies."""
    console = terminal(real=True)
    with view_for(console, LOAD) as view:
        for event in (TICK, STARTED, snapshot(), TICK):
            view.show(event)
        text = printed(console)
    assert "running" in text
    assert "25%" in text
    assert "of 200 requests" in text
    for words in ("users 8 of 8", "in flight 5", "workers 2", "done 50", "failed 0"):
        assert words in text
    assert "now 12.3 req/s" in text
    assert "568 tokens/s" in text
    ttft = next(line for line in text.splitlines() if line.lstrip().startswith("TTFT"))
    assert ttft.split()[1:] == ["200", "200", "200", "~200", "~200", "200"]
    assert "errors" not in text


def test_the_screen_shows_errors_with_their_meaning() -> None:
    """As soon as there is one."""
    console = terminal(real=True)
    with view_for(console, LOAD) as view:
        view.show(snapshot(failed=3))
        assert "http_429" in printed(console)
        assert "Too Many Requests" in printed(console)


def test_the_screen_says_that_it_drains() -> None:
    """After the load, answers under way may take their time."""
    console = terminal(real=True)
    with view_for(console, LOAD) as view:
        view.show(DRAINING)
        assert "draining: answers under way have 30s to end" in printed(console)


def test_lines_show_the_numbers() -> None:
    """One line holds what matters, and each change of phase is told."""
    console = terminal(real=False)
    with view_for(console, LOAD) as view:
        for event in (STARTED, TICK, snapshot(failed=2), snapshot(failed=4), DRAINING):
            view.show(event)
    lines = [line.split("  ", 1)[1].strip() for line in printed(console).splitlines()]
    lines = [line.removeprefix("0 s").strip() for line in lines]
    assert lines == [
        "running",
        (
            "users 8, in flight 5, done 50, 12.3 req/s, 568 tokens/s, TTFT p50/p99 200/200 ms, "
            "ITL p50/p99 100/100 ms, errors http_429 2"
        ),
        "draining: answers under way have 30s to end",
    ]


def test_lines_begin_with_the_first_number() -> None:
    """And show a dash for what was not measured yet."""
    console = terminal(real=False)
    with view_for(console, LOAD) as view:
        view.show(snapshot(succeeded=0, failed=0))
        assert printed(console) == ""  # nothing is known yet: no line of zeros
        view.show(snapshot(succeeded=0, failed=1))
    assert "TTFT p50/p99 -/- ms" in printed(console)
    assert "errors http_429 1" in printed(console)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize(
    "load", [{}, {"requests": 5}, {"duration": "1ms"}, {"requests": 5, "duration": "1s"}]
)
def test_any_goal_can_be_shown(load: dict[str, object], real: bool) -> None:  # noqa: FBT001
    """By time, by requests, by both, and a run that is over at once."""
    with view_for(terminal(real=real), RunConfig.model_validate({"load": load})) as view:
        for event in (TICK, STARTED, TICK, snapshot(), snapshot(succeeded=0), DRAINING):
            view.show(event)


def test_progress_counts_conversations_once() -> None:
    """A limit of requests is one of conversations where there are some."""
    summary = Summary()
    summary.add_all([record(k=k, turn=turn, turns=2) for k in range(50) for turn in range(2)])
    event = snapshot() | {"snapshot": to_builtins(take(summary, Client()))}
    console = terminal(real=True)
    with LiveView(console, LOAD) as view:
        view.show(STARTED)
        view.show(event)
    assert "25%" in printed(console)
    assert "conversations 50" in printed(console)
