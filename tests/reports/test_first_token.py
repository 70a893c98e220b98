"""Facts about where the time to first token goes."""

import pytest

from inferswarm.records import Record
from inferswarm.reports import first_token
from inferswarm.snapshot import MetricStats

from . import sample_run
from .sample_run import MS


def metrics_of(records: list[Record]) -> dict[str, MetricStats]:
    """The published metrics of these records."""
    return sample_run.snapshot_of(sample_run.summary_of(records)).metrics


def test_parts_add_up_to_the_whole() -> None:
    """Client, queue, prefill and rest are the mean time from due to the first token."""
    metrics = metrics_of(sample_run.told(20, queue=5 * MS, prefill=30 * MS))
    parts = first_token.parts(metrics)
    assert [part.name for part in parts] == ["client", "queue", "prefill", "rest"]
    assert sum(part.mean_ms for part in parts) == pytest.approx(metrics["ttft_due"].mean)
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert (parts[1].mean_ms, parts[2].mean_ms) == (5, 30)


def test_parts_told_of_a_few_requests_still_add_up() -> None:
    """What was not told of a request is in its rest, and the rest is named after it."""
    few = sample_run.told(10, queue=5 * MS, prefill=30 * MS)
    metrics = metrics_of([*few, *sample_run.told(30, queue=5 * MS)])
    parts = {part.name: part for part in first_token.parts(metrics)}
    assert sum(part.mean_ms for part in parts.values()) == pytest.approx(metrics["ttft_due"].mean)
    assert parts["prefill"].mean_ms == pytest.approx(30 / 4)
    assert "counts it as 0" in parts["prefill"].sentence
    assert parts["rest"].title == "Rest with prefill"


@pytest.mark.parametrize(
    ("told", "names", "rest"),
    [
        ({"queue": MS}, ["client", "queue", "rest"], "Rest with prefill"),
        ({"prefill": MS}, ["client", "prefill", "rest"], "Rest with queue"),
        ({"queue": MS, "prefill": MS}, ["client", "queue", "prefill", "rest"], "Rest"),
    ],
)
def test_the_rest_says_what_it_holds(told: dict[str, int], names: list[str], rest: str) -> None:
    """A part of which the server told nothing is not drawn, but named in the rest."""
    parts = first_token.parts(metrics_of(sample_run.told(3, streamed=True, **told)))
    assert ([part.name for part in parts], parts[-1].title) == (names, rest)
    assert all(part.sentence.endswith(".") for part in parts)


def test_nothing_is_told_by_most_servers() -> None:
    """Without a word of queue or prefill there is nothing to show; other spans do not help."""
    for records in (sample_run.successes(3), sample_run.told(3, decode=MS, total=MS), []):
        metrics = metrics_of(records)
        assert not first_token.is_told(metrics)
        assert first_token.parts(metrics) == []


def test_without_a_stream_there_is_a_sentence_and_no_part() -> None:
    """The server may tell its queue of answers whose first token nobody saw."""
    metrics = metrics_of(sample_run.told(3, streamed=False, queue=MS))
    assert first_token.is_told(metrics)
    assert first_token.parts(metrics) == []
    assert "not streamed" in first_token.note(metrics)


def test_the_note_counts_who_told() -> None:
    """How many requests the numbers are of, and where the definitions are."""
    few = sample_run.told(2, queue=MS)
    assert "part of all 2 requests" in first_token.note(metrics_of(few))
    note = first_token.note(metrics_of([*few, *sample_run.successes(3)]))
    assert "part of 2 of 5 requests" in note
    assert "docs/metrics.md" in note
