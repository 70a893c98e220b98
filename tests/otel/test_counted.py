"""Facts about the numbers that a master tells for a collector."""

import msgspec

from inferswarm.exchange import Outcome
from inferswarm.otel.counted import Counted, counted
from inferswarm.records import Record
from inferswarm.summary import Summary
from tests.builders import MS, failure, record

DURATION = "gen_ai.client.operation.duration"
USAGE = "gen_ai.client.token.usage"


def of(*records: Record) -> Counted:
    """What some records come to."""
    summary = Summary()
    summary.add_all(records)
    return counted(summary)


def test_each_request_is_in_the_duration_once() -> None:
    """Successes by their E2E, failures by how long they took until they failed, under their kind."""
    late = failure(Outcome.TIMEOUT_IDLE, end_ns=record().sent_ns + 5_000 * MS)
    refused = failure(Outcome.HTTP_STATUS, status=503)
    found = of(record(), record(k=1), late, refused).distributions[DURATION]
    assert {kind: sum(held.buckets) for kind, held in found.items()} == {
        "": 2,
        "timeout_idle": 1,
        "503": 1,
    }
    assert (found[""].total, found[""].low, found[""].high) == (800 * MS, 400 * MS, 400 * MS)
    assert found["timeout_idle"].total == 5_000 * MS
    assert found[""].buckets.index(2) == 6
    assert found["timeout_idle"].buckets.index(1) == 9


def test_what_was_never_sent_failed_after_it_was_due() -> None:
    """It has no other beginning."""
    never = failure(Outcome.CONNECT, sent_ns=0, end_ns=record().due_ns + 30 * MS)
    assert of(never).distributions[DURATION]["connect"].total == 30 * MS


def test_buckets_hold_values_up_to_their_bound_and_the_last_what_is_above_all() -> None:
    """As OpenTelemetry has it; none is counted in two."""
    lengths = (1, 2, 4, 5, 64, 70_000_000)
    found = of(*(record(k=k, input_tokens=length) for k, length in enumerate(lengths)))
    buckets = found.distributions[USAGE]["input"].buckets
    assert buckets[:4] == [1, 2, 1, 1]
    assert buckets[-1] == 1
    assert sum(buckets) == len(lengths)


def test_tokens_are_counted_by_kind_and_by_source() -> None:
    """Prompts that nobody counted are left out of both."""
    found = of(record(), record(k=1, input_tokens=None, input_source=""))
    usage = found.distributions[USAGE]
    assert {kind: (sum(v.buckets), v.total) for kind, v in usage.items()} == {
        "input": (1, 7),
        "output": (2, 6),
    }
    assert found.counts["inferswarm.output_tokens"] == {"server_usage": 6}
    assert found.counts["inferswarm.input_tokens"] == {"server_usage": 7}


def test_nothing_counted_is_no_distribution_and_counts_of_nothing() -> None:
    """So that counters begin at 0."""
    found = counted(Summary())
    assert not any(found.distributions.values())
    assert found.counts["inferswarm.sent"] == {"": 0}


def test_it_survives_the_way_to_another_process() -> None:
    """As JSON."""
    found = of(record(), failure())
    assert msgspec.json.decode(msgspec.json.encode(found), type=Counted) == found
