"""Facts about the summary: above all, that any split of a run merges to one result."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.exchange import Outcome
from inferswarm.records import Record
from inferswarm.summary import SAMPLE_ERRORS, SAMPLE_POINTS, Summary
from tests.builders import FUZZ, MS, START_NS, S, failure, record
from tests.many_records import runs


def of(records: list[Record]) -> Summary:
    """The summary of these records."""
    summary = Summary()
    for one in records:
        summary.add(one)
    return summary


def merged(parts: list[list[Record]]) -> Summary:
    """The summaries of the parts, each sent as bytes, merged in this order."""
    whole = Summary()
    for part in parts:
        whole.merge(Summary.unpack(of(part).pack()))
    return whole


@FUZZ
@given(runs(), st.randoms(use_true_random=False))
def test_any_split_merges_to_the_summary_of_all(records: list[Record], chance: Random) -> None:
    """Parts of any size, through bytes and in any order, equal the summary that saw every record."""
    parts: list[list[Record]] = [[] for _ in range(chance.randint(1, 6))]
    for one in records:
        chance.choice(parts).append(one)
    chance.shuffle(parts)
    assert merged(parts).canonical() == of(records).canonical()


@FUZZ
@given(runs(max_size=15), st.randoms(use_true_random=False))
def test_merging_pairwise_equals_merging_in_a_row(records: list[Record], chance: Random) -> None:
    """Merging is associative: a summary of summaries is no different."""
    cut, end = sorted((chance.randint(0, len(records)), chance.randint(0, len(records))))
    late = merged([records[cut:end], records[end:]])
    early = of(records[:cut])
    early.merge(late)
    assert early.canonical() == merged([records]).canonical()


def test_samples_of_many_records_do_not_depend_on_the_split() -> None:
    """Beyond the sample's size the same points are kept, whoever saw them, in bounded memory."""
    records = [record(k=k) for k in range(3 * SAMPLE_POINTS)]
    whole = of(records)
    assert len(whole.points) < 2 * SAMPLE_POINTS
    assert len(whole.canonical().points) == SAMPLE_POINTS
    assert merged([records[2::3], records[::3], records[1::3]]).canonical() == whole.canonical()


def test_errors_keep_the_earliest_of_each_kind() -> None:
    """For diagnosis the first few of every kind are enough, with what the server said."""
    records = [
        failure(Outcome.HTTP_STATUS, status=status, k=k, due_ns=START_NS + k, body_head=f"b{k}")
        for k in (5, 3, 9, 1, 7)
        for status in (429, 500)
    ]
    kept = of(records).errors
    assert set(kept) == {"http_429", "http_500"}
    assert [sample.k for sample in kept["http_429"]] == [1, 3, 5]
    assert kept["http_500"][0].body_head == "b1"
    assert SAMPLE_ERRORS == 3


def test_counts_by_hand() -> None:
    """A success and two failures, with every sum."""
    summary = of(
        [
            record(connect_ns=3, retries=1, bytes_in=10, bytes_out=4, reads=3, merged_reads=1),
            failure(Outcome.CONNECT, sent_ns=0, due_ns=START_NS - S, bytes_out=0),
            failure(Outcome.HTTP_STATUS, status=503, end_ns=START_NS + 9 * S, bytes_in=7, reads=1),
        ]
    )
    assert (summary.attempted, summary.succeeded, summary.failed) == (3, 1, 2)
    assert summary.by_kind == {"ok": 1, "connect": 1, "http_503": 1}
    assert (summary.retries, summary.connections) == (1, 1)
    assert (summary.bytes_in, summary.bytes_out) == (17, 4)
    assert (summary.reads, summary.merged_reads) == (4, 1)
    assert summary.span_ns == 10 * S
    assert summary.output_tokens_by_source == {"server_usage": 3}
    assert summary.input_tokens_by_source == {"server_usage": 7}


def test_failures_do_not_touch_the_metrics() -> None:
    """Latencies are those of successful requests alone."""
    slow = record(outcome=Outcome.TRUNCATED, chunk_ns=[90 * S])
    summary = of([record(), slow])
    assert summary.metric("ttft").count == 1
    assert summary.metric("ttft").high == 200 * MS


def test_a_point_of_the_scatter_sample_tells_its_request() -> None:
    """What the page draws is taken from the record."""
    point = of([record(k=4, prompt_chars=31)]).points[0]
    assert (point.k, point.sent_ns, point.prompt_chars) == (4, START_NS + MS, 31)
    assert (point.input_tokens, point.output_tokens) == (7, 3)
    assert (point.ttft_ns, point.e2e_ns) == (200 * MS, 400 * MS)


def test_an_empty_summary_packs_and_merges() -> None:
    """Nothing is a summary too, and changes no other."""
    assert Summary.unpack(Summary().pack()) == Summary()
    some = of([record()])
    some.merge(Summary())
    assert some.canonical() == merged([[], [record()], []]).canonical()
    assert Summary().span_ns == 0


@pytest.mark.parametrize("packed", [b"", b"\xff", b"\x93", of([record()]).pack()[:-5]])
def test_other_bytes_are_refused(packed: bytes) -> None:
    """A damaged message is told from a summary."""
    with pytest.raises(msgspec.DecodeError):
        Summary.unpack(packed)


def test_failures_tell_how_long_they_took_by_kind() -> None:
    """From sent, or from due when nothing was sent; a success is not among them."""
    summary, other = Summary(), Summary()
    summary.add_all([record(), failure(end_ns=record().sent_ns + 5 * MS)])
    other.add_all([failure(Outcome.CONNECT, sent_ns=0, end_ns=record().due_ns + 7 * MS)])
    summary.merge(other)
    taken = {kind: (held.count, held.total) for kind, held in summary.failed_after.items()}
    assert taken == {"truncated": (1, 5 * MS), "connect": (1, 7 * MS)}
