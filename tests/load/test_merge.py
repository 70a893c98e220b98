"""Deltas on a bad road: lost, doubled, late, they are added exactly once and in order."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from inferswarm.load.merge import DeltaMerger, DeltaSender, Gauges
from inferswarm.summary import Summary
from inferswarm.verdict import Client
from tests.builders import record


def counted(*numbers: int) -> Summary:
    """A summary of records with these k."""
    summary = Summary()
    for k in numbers:
        summary.add(record(k=k))
    return summary


@given(st.lists(st.sampled_from(["push", "lose", "deliver", "ack", "repeat"]), max_size=60))
def test_every_delta_counts_once_whatever_the_road_does(steps: list[str]) -> None:
    """After all losses and repeats, one good delivery leaves exactly what was pushed."""
    road: deque[bytes] = deque()
    acks: deque[int] = deque()
    sender, merger = DeltaSender(road.append), DeltaMerger()
    pushed = 0
    for step in steps:
        if step == "push":
            sender.push(counted(pushed), Client(), Gauges())
            pushed += 1
        elif step == "lose" and road:
            road.popleft()
        elif step == "repeat" and road:
            road.append(road[0])
        elif step == "deliver" and road:
            acks.append(merger.receive("w", road.popleft()))
        elif step == "ack" and acks:
            sender.acknowledged(acks.pop())
    sender.resend()
    while road:
        acks.append(merger.receive("w", road.popleft()))
    sender.acknowledged(max(acks, default=0))

    assert merger.summary.attempted == pushed
    assert sender.unacknowledged == 0
    assert {point.k for point in merger.summary.points} == set(range(pushed))


def test_workers_are_counted_apart() -> None:
    """Two workers' first deltas are both new."""
    merger = DeltaMerger()
    for name, k in (("a", 0), ("b", 1)):
        road: list[bytes] = []
        DeltaSender(road.append).push(counted(k), Client(), Gauges(in_flight=2))
        merger.receive(name, road[0])

    assert merger.summary.attempted == 2
    assert merger.live()["in_flight"] == 4


def test_only_the_last_gauges_of_a_worker_count() -> None:
    """Gauges say what is now, they do not add up over time."""
    merger = DeltaMerger()
    sender = DeltaSender(lambda packed: sender.acknowledged(merger.receive("w", packed)))
    sender.push(Summary(), Client(), Gauges(in_flight=5))
    sender.push(Summary(), Client(), Gauges(in_flight=1, trouble="disk full", final=True))

    assert merger.live() == {"in_flight": 1, "trouble": "disk full"}
    assert merger.gauges["w"].final


def test_a_lost_worker_has_nothing_under_way() -> None:
    """Its last word would stand for the rest of the run; its trouble does."""
    packed: list[bytes] = []
    merger = DeltaMerger()
    DeltaSender(packed.append).push(Summary(), Client(), Gauges(in_flight=3, trouble="disk full"))
    for worker in ("a", "b"):
        merger.receive(worker, packed[0])
    assert merger.live() == {"in_flight": 6, "trouble": "disk full"}
    assert merger.live({"a"}) == {"in_flight": 3, "trouble": "disk full"}
