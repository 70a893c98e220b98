"""Facts about the result as a person reads it in a terminal."""

from io import StringIO

import pytest
from msgspec.structs import replace
from rich.console import Console, RenderableType

from inferswarm.exchange import Outcome
from inferswarm.reports.text import errors, latencies, number, result
from inferswarm.snapshot import Snapshot, take
from inferswarm.summary import Summary
from inferswarm.verdict import Client
from inferswarm.window import Window
from tests.builders import START_NS, failure, record


def shown(what: RenderableType) -> str:
    """As a wide terminal without colours shows it."""
    console = Console(file=StringIO(), width=160)
    console.print(what)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def shot(client: Client | None = None, *, failed: bool = False) -> Snapshot:
    """A run of one success, with or without failures."""
    summary = Summary()
    summary.add(record(due_ns=START_NS, sent_ns=START_NS))
    if failed:
        for status in (429, 429, 500):
            summary.add(failure(Outcome.HTTP_STATUS, status=status, sent_ns=START_NS))
        summary.add(failure(Outcome.TIMEOUT_IDLE, sent_ns=START_NS))
    return take(summary, client or Client())


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0.00"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"),
     (1234567.8, "1,234,568"), (-12.34, "-12.3")],
)  # fmt: skip
def test_numbers_have_about_three_digits(value: float | None, text: str) -> None:
    """Enough to compare, with thousands separated, and a dash for what does not exist."""
    assert number(value) == text


def test_a_valid_result_shows_its_numbers() -> None:
    """Verdict, throughput with the source of its tokens, and latencies."""
    text = shown(result(shot()))
    assert text.startswith("VALID")
    assert "1 of 1 requests succeeded in 0.4 s" in text
    assert "output 7.48 tokens/s, input 17.5 tokens/s (counted by: server_usage)" in text
    ttft = next(line for line in text.splitlines() if line.startswith("TTFT "))
    assert ttft.split() == ["TTFT", "200", "~200", "~200", "~200", "~200", "200", "-"]
    assert "errors" not in text
    assert "measured from" not in text


def test_notes_of_the_run_are_shown() -> None:
    """What must be known of its prompts stands below the verdict, which it does not change."""
    noted = replace(shot(), run={"notes": ["prompts: their lengths were not checked"]})
    text = shown(result(noted))
    assert text.startswith("VALID\n  - prompts: their lengths were not checked\n")


def test_the_window_and_what_it_leaves_out_are_a_line() -> None:
    """Below the throughput, which is of the window alone."""
    window = Window(method="load", end_s=6, run_s=9, requests_ended_in_drain=3)
    lines = shown(result(replace(shot(), window=window))).splitlines()
    assert "1 of 1 requests succeeded in 9.0 s" in lines[1]
    assert lines[2].startswith("measured from 0.0 to 6.0 s; left out: of the throughput alone, 3")


def test_enough_requests_have_an_interval_and_no_mark() -> None:
    """The last column encloses the true p99; a live view has no room for it."""
    summary = Summary()
    summary.add_all([record(k=k, chunk_ns=[(k + 1) * 1_000_000, 900_000_000]) for k in range(400)])
    whole = take(summary, Client())
    ttft = next(line for line in shown(result(whole)).splitlines() if line.startswith("TTFT "))
    assert ttft.split() == ["TTFT", "200", "200", "360", "380", "396", "400", "392", "to", "400"]
    assert "to" not in shown(latencies(whole))


def test_what_the_server_told_of_the_first_token_is_one_line() -> None:
    """Parts with their shares, and of how many requests; no line where nothing was told."""
    summary = Summary()
    for told in ({"queue": 50_000_000, "prefill": 149_500_000}, {}):
        summary.add(record(due_ns=START_NS, sent_ns=START_NS, server_ns=told))
    line = shown(result(take(summary, Client()))).splitlines()[-1]
    assert line == (
        "mean ms to the first token: client 0.00 (0%) + queue 50.0 (25%) + prefill 150 (75%) + "
        "rest 0.50 (<1%); server told 1 of 2"
    )
    assert "first token:" not in shown(result(shot()))


def test_an_invalid_result_shows_each_reason() -> None:
    """The reasons stand below the verdict."""
    text = shown(result(shot(Client(unwritten_records=7, lost_workers=["[w1]"]))))
    assert text.startswith("INVALID\n  - ")
    assert "7 records" in text
    assert "[w1]" in text


def test_errors_are_shown_with_their_meaning() -> None:
    """Each kind with its count; successes are none."""
    text = shown(result(shot(failed=True)))
    rows = [line.split()[:2] for line in text.splitlines() if line.startswith(("http", "timeout"))]
    assert rows == [["http_429", "2"], ["http_500", "1"], ["timeout_idle", "1"]]
    assert "Too Many Requests" in text
    assert "\nok" not in text
    assert shown(errors({"ok": 5})).split() == ["errors", "count", "meaning"]


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_can_be_shown(outcome: Outcome) -> None:
    """No kind of failure breaks the screen."""
    assert "7" in shown(errors({outcome: 7})) or outcome is Outcome.OK


def test_metrics_without_values_are_left_out() -> None:
    """A run that was not streamed has no row of TTFT, an empty one no row at all."""
    summary = Summary()
    summary.add(record(streamed=False))
    titles = [line.split()[0] for line in shown(latencies(take(summary, Client()))).splitlines()]
    assert titles == ["ms", "E2E", "E2E"]
    assert "INVALID" in shown(result(take(Summary(), Client())))
    assert len(shown(latencies(take(Summary(), Client()))).splitlines()) == 1
