"""Streams of arrivals and their loans: whoever holds them, each arrival has one owner at a time."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.load.streams import LEAST_STREAMS, Loan, Loans, Streams, all_of, how_many
from tests.builders import FUZZ


def taken(streams: Streams, below: int) -> list[int]:
    """Every arrival below a number that is held, in order."""
    found: list[int] = []
    while (k := streams.next_k()) is not None and k < below:
        assert streams.take(k)
        found.append(k)
    return found


def test_nothing_is_held_before_the_first_loan() -> None:
    """A worker that was lent nothing has nothing to send, and no good loan."""
    streams = Streams(4)
    assert (streams.next_k(), streams.good_at(0), streams.progress()) == (None, False, {})


def test_arrivals_of_all_streams_come_in_their_order() -> None:
    """Streams 1 and 2 of 4 hold 1, 2, 5, 6, 9, 10, ..."""
    streams = Streams(4)
    assert streams.renew(1, [Loan(2, 2, 0), Loan(1, 1, 0)], math.inf)
    assert taken(streams, 11) == [1, 2, 5, 6, 9, 10]
    assert streams.progress() == {1: 13, 2: 14}


def test_a_renewal_keeps_the_progress() -> None:
    """The same loans again only last longer, whatever first arrival they name."""
    streams = Streams(2)
    streams.renew(1, [Loan(0, 0, 0)], 10)
    assert taken(streams, 5) == [0, 2, 4]
    assert not streams.renew(1, [Loan(0, 0, 0)], 20)
    assert (streams.next_k(), streams.good_at(19), streams.good_at(20)) == (6, True, False)


def test_an_older_word_changes_nothing() -> None:
    """Messages may overtake each other."""
    streams = Streams(2)
    streams.renew(3, [Loan(0, 0, 0)], 10)
    assert not streams.renew(2, [Loan(1, 1, 0)], 99)
    assert (streams.next_k(), streams.good_at(50)) == (0, False)


def test_a_stream_that_comes_back_goes_on_where_it_is_told() -> None:
    """Its epoch tells that others had it meanwhile."""
    streams = Streams(2)
    streams.renew(1, [Loan(0, 0, 0), Loan(1, 1, 0)], math.inf)
    assert taken(streams, 4) == [0, 1, 2, 3]
    streams.renew(2, [Loan(1, 1, 0)], math.inf)
    assert taken(streams, 8) == [5, 7]
    streams.renew(3, [Loan(0, 20, 2), Loan(1, 1, 0)], math.inf)
    assert taken(streams, 21) == [9, 11, 13, 15, 17, 19, 20]
    assert (streams.epoch_of(20), streams.epoch_of(21)) == (2, 0)


def test_only_the_next_arrival_can_be_taken() -> None:
    """What was prepared before a change is not sent after it."""
    streams = all_of(0, 1)
    assert not streams.take(1)
    assert streams.take(0)
    assert not streams.take(0)


def test_there_are_enough_streams_for_even_shares() -> None:
    """At least 16 for each worker."""
    assert (how_many(1), how_many(4), how_many(50)) == (LEAST_STREAMS, LEAST_STREAMS, 800)


class Cluster:
    """A master and its workers, whose messages arrive when the test says so."""

    def __init__(self, workers: list[str], streams: int = 8) -> None:
        self.loans = Loans(streams)
        self.streams = {name: Streams(streams) for name in workers}
        self.sent: Counter[int] = Counter()
        self.loans.deal(workers)
        self.talk()

    def talk(self) -> None:
        """Every worker beats and hears, until nobody has news."""
        for _ in range(3):
            for name, streams in self.streams.items():
                self.loans.heard(name, streams.number, streams.progress())
            for name, streams in self.streams.items():
                streams.renew(self.loans.number, self.loans.of(name), math.inf)

    def send(self, below: int) -> None:
        """Everybody sends what is due."""
        for streams in self.streams.values():
            self.sent.update(taken(streams, below))


@FUZZ
@given(
    st.integers(1, 5),
    st.lists(
        st.tuples(st.sampled_from(["join", "lose", "send", "talk"]), st.integers(0, 9)), max_size=15
    ),
)
def test_every_arrival_is_sent_once_whoever_comes_and_goes(
    workers: int, events: list[tuple[str, int]]
) -> None:
    """Workers join, die after their last word, and take over: no arrival is doubled or forgotten."""
    cluster = Cluster([f"w{number}" for number in range(workers)])
    below = 0
    for number, (event, draw) in enumerate(events):
        if event == "join":
            cluster.streams[f"late{number}"] = Streams(8)
            cluster.loans.join(f"late{number}")
        elif event == "lose" and len(cluster.streams) > 1:
            cluster.talk()
            gone = sorted(cluster.streams)[draw % len(cluster.streams)]
            del cluster.streams[gone]
            cluster.loans.lose(gone, list(cluster.streams), 0)
        elif event == "send":
            below += draw
            cluster.send(below)
        else:
            cluster.talk()
    cluster.talk()
    cluster.send(below + 20)

    assert cluster.sent == Counter(range(below + 20))


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_the_first_deal_is_even(workers: int) -> None:
    """Shares differ by one stream at most, and are those of a plain split."""
    loans = Loans(16)
    names = [f"w{number}" for number in range(workers)]
    loans.deal(names)
    for number, name in enumerate(names):
        assert [loan.stream for loan in loans.of(name)] == list(range(number, 16, workers))


def test_a_lost_worker_is_replaced_from_where_the_load_is_now() -> None:
    """In open loop what was due while nobody knew is not sent late by others."""
    loans = Loans(4)
    loans.deal(["a", "b"])
    loans.heard("a", 1, {0: 8, 2: 10})
    loans.lose("a", ["b"], 21)
    assert loans.of("b") == [Loan(1, 1, 0), Loan(3, 3, 0), Loan(0, 24, 1), Loan(2, 22, 1)]


def test_when_nobody_is_left_nobody_holds_anything() -> None:
    """The load is over then."""
    loans = Loans(4)
    loans.deal(["a"])
    loans.lose("a", [], 0)
    assert loans.of("a") == []
