"""Facts about the grains of a run: their length, and what is counted in which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.compare.blocks import (
    BLOCKS,
    GRAINS,
    Cut,
    Grid,
    grid,
)
from inferswarm.histogram import Histogram
from inferswarm.metrics import METRIC_BY_NAME
from inferswarm.records import Record
from inferswarm.window import Span, Zones
from tests.builders import FUZZ, MS, START_NS, S, failure, record
from tests.many_records import runs

MINUTE = Span(START_NS, START_NS + 60 * S)


@pytest.mark.parametrize(
    ("request_s", "blocks"),
    [
        (0.1, BLOCKS),
        (3.7, BLOCKS),
        (6.0, 10),
        (100.0, 1),
        (0.0, BLOCKS),
    ],
)
def test_blocks_are_few_and_never_shorter_than_a_request(request_s: float, blocks: int) -> None:
    """Sixteen, or as many as requests would fit one after the other."""
    assert grid(MINUTE, request_s * S).grains == blocks * GRAINS


def test_a_span_of_nothing_has_grains_too() -> None:
    """One request alone is cut without a complaint."""
    made = Cut(grid(Span(START_NS, START_NS), 0.0), ("ttft",))
    made.add_all([record()])
    assert made.grid.span_ns == 0


def test_an_instant_belongs_to_one_grain() -> None:
    """Borders belong to the later grain, the end to the last one."""
    made = Grid((0, 10, 20, 31))
    assert [made.of(at) for at in (-1, 0, 9, 10, 20, 30, 31)] == [-1, 0, 0, 1, 2, 2, 3]
    assert made.span_ns == 30


def test_a_request_counts_where_it_started_and_its_work_where_it_came() -> None:
    """Its latencies are in the grain of its start, tokens in those of their chunks."""
    made = Cut(Grid((START_NS, START_NS + 100 * MS, START_NS + 300 * MS, START_NS + S)), ("ttft",))
    made.add_all([record(), failure(sent_ns=START_NS + 150 * MS)])
    assert made.series(made.attempted) == [1, 1, 0]
    assert made.series(made.failed) == [0, 1, 0]
    assert made.series(made.succeeded) == [0, 0, 1]
    assert made.series(made.output_tokens) == [0, 1, 2]
    assert [one.count for one in made.histograms("ttft")] == [1, 0]
    assert made.started == 2


def test_what_started_before_the_window_has_no_latency_in_it() -> None:
    """But what it brought in the window is work of the window."""
    begin_ns = START_NS + 250 * MS
    made = Cut(Grid((begin_ns, begin_ns + S)), ("ttft", "itl"))
    made.add_all([record()])
    assert made.series(made.attempted) == [0]
    assert made.series(made.output_tokens) == [2]
    assert made.histograms("itl") == []


@FUZZ
@given(runs(), st.integers(1, 30))
def test_all_grains_together_are_what_the_report_counts(records: list[Record], parts: int) -> None:
    """For any records and any number of grains: the work of the window, and its latencies."""
    if not records:
        return
    begin_ns = min(one.start_ns for one in records) + 50 * MS
    end_ns = max(*(one.start_ns for one in records), begin_ns + parts)
    zones = Zones(begin_ns, end_ns)
    whole = Histogram()
    for one in records:
        zones.add(one)
        if one.ok and one.start_ns >= begin_ns:
            whole.add_all(*METRIC_BY_NAME["itl"].read([one]))
    edges = [begin_ns + (end_ns - begin_ns) * i // parts for i in range(parts)]
    made = Cut(Grid((*edges, end_ns + 1)), ("itl",))
    made.add_all(records)

    assert sum(made.series(made.succeeded)) == zones.load.succeeded
    assert sum(made.series(made.output_tokens)) == zones.load.output_tokens
    joined = Histogram()
    for grain in made.histograms("itl"):
        joined.merge(grain)
    assert joined == whole
