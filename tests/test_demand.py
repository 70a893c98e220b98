"""Facts about what a run was to ask for, and what came of it."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.demand import Demand
from inferswarm.records import Record
from tests.builders import FUZZ, failure, record
from tests.many_records import runs


def of(records: list[Record], **asked: Any) -> Demand:
    """The counts of these records."""
    demand = Demand(**asked)
    for one in records:
        demand.add(one)
    return demand


@pytest.mark.parametrize(
    ("tokens", "short", "long"), [(98, 1, 0), (99, 0, 0), (100, 0, 0), (101, 0, 0), (102, 0, 1)]
)
def test_an_answer_may_miss_its_length_by_a_token(tokens: int, short: int, long: int) -> None:
    """Whether the end counts as a token differs among servers."""
    found = of([record(output_tokens=tokens)], least=100, usual=100)
    assert (found.counted, found.short, found.long) == (1, short, long)


def test_only_lengths_that_the_server_told_count() -> None:
    """Counted chunks may hold several tokens, and failures have no length."""
    records = [record(output_source="chunks", output_tokens=1), failure()]
    assert of(records, least=9, usual=9).counted == 0


@pytest.mark.parametrize(
    ("asked", "tokens", "short", "long"),
    [(50, 50, 0, 0), (50, 40, 1, 0), (50, 90, 0, 1), (0, 90, 1, 0), (0, 100, 0, 0)],
)
def test_a_length_of_its_own_goes_before_the_usual(
    asked: int, tokens: int, short: int, long: int
) -> None:
    """What a record says that its answer was asked for counts, and the run's where it says nothing."""
    found = of([record(asked_tokens=asked, output_tokens=tokens)], usual=100, exact=True)
    assert (found.short, found.long) == (short, long)


def test_a_lower_bound_is_never_above_what_was_asked() -> None:
    """A short answer that was asked for is not too short."""
    found = of([record(asked_tokens=5, output_tokens=5)], least=50, usual=100)
    assert (found.short, found.shortest, found.longest) == (0, 5, 5)


def test_nothing_asked_is_missed_by_nothing() -> None:
    """Without a bound no answer is too short or too long."""
    found = of([record(output_tokens=5_000), record(output_tokens=1)])
    assert (found.counted, found.short, found.long) == (2, 0, 0)


@FUZZ
@given(runs(), st.randoms(use_true_random=False))
def test_any_split_merges_to_the_same(records: list[Record], chance: Random) -> None:
    """Parts in any order come to what one count of all comes to."""
    whole, merged = of(records, least=4, usual=6), Demand(least=4, usual=6)
    parts: list[list[Record]] = [[] for _ in range(chance.randint(1, 5))]
    for one in records:
        chance.choice(parts).append(one)
    for part in parts:
        merged.merge(of(part, least=4, usual=6))
    assert merged == whole


def test_counts_by_other_lengths_do_not_merge() -> None:
    """They would mean nothing together."""
    with pytest.raises(ValueError, match="different lengths"):
        Demand(usual=5).merge(Demand(usual=6))


def test_the_first_arrival_seen_is_kept() -> None:
    """From it and the schedule follows when the load began."""
    found = of([record(k=7, due_ns=70), record(k=3, due_ns=30), record(k=5, due_ns=50)])
    assert (found.first_k, found.first_due_ns) == (3, 30)


def test_only_first_turns_tell_when_arrivals_were_due() -> None:
    """A later turn is due when its conversation has come so far."""
    late, first = record(k=0, turn=1, turns=2, due_ns=5), record(k=3, turns=2, due_ns=9)
    found = of([late, first])
    assert (found.first_k, found.first_due_ns) == (3, 9)
