"""Facts about replaying recorded arrivals."""

import re

import pytest

from inferswarm.arrivals import Arrival
from inferswarm.arrivals.trace import Row, TraceArrivals
from inferswarm.errors import InputError
from tests.arrivals.walking import share
from tests.builders import S

ROWS = [Row(7 * S, 10, 100), Row(8 * S, 11, 101), Row(8 * S, 12, None), Row(11 * S, None, 103)]


def scaled(rows: list[Row], **scales: float) -> TraceArrivals:
    """A replay of the rows."""
    return TraceArrivals.scaled(
        "t.csv",
        rows,
        scales.get("time_scale", 1.0),
        scales.get("rate_scale", 1.0),
        int(scales.get("seed", 0)),
    )


def dues_s(arrivals: TraceArrivals) -> list[float]:
    """When each arrival is due."""
    return [arrival.due_ns / S for arrival in share(arrivals)]


def test_a_replay_is_the_rows_from_the_first_on() -> None:
    """The earliest row is due at once; lengths are the row's, or none."""
    assert list(share(scaled(ROWS))) == [
        Arrival(0, 0, 10, 100),
        Arrival(1, S, 11, 101),
        Arrival(2, S, 12, None),
        Arrival(3, 4 * S, None, 103),
    ]


@pytest.mark.parametrize(
    ("scales", "dues", "why"),
    [
        ({"time_scale": 2}, [0, 0.5, 0.5, 2], "twice as fast, all times are halved"),
        ({"time_scale": 0.5}, [0, 2, 2, 8], "half as fast, doubled"),
        ({"rate_scale": 2}, [0, 0.5, 1, 1, 1, 2.5, 4, 4], "a copy lies half way to the next row"),
        ({"rate_scale": 3}, [0, 1 / 3, 2 / 3, 1, 1, 1, 1, 2, 3, 4, 4, 4], "two copies at thirds"),
        ({"rate_scale": 2, "time_scale": 2}, [0, 0.25, 0.5, 0.5, 0.5, 1.25, 2, 2], "both"),
    ],
)
def test_a_replay_can_be_scaled(scales: dict[str, float], dues: list[float], why: str) -> None:
    """In time, and in the number of arrivals; the row says why."""
    assert dues_s(scaled(ROWS, **scales)) == pytest.approx(dues, abs=1e-8), why


@pytest.mark.parametrize("rate_scale", [0.3, 0.5, 1.7])
def test_a_share_of_rows_is_drawn_by_seed(rate_scale: float) -> None:
    """Within four standard deviations of the share, the same for a seed, another for another."""
    rows = [Row(n * S, n) for n in range(10_000)]
    drawn = dues_s(scaled(rows, rate_scale=rate_scale))
    assert len(drawn) == pytest.approx(rate_scale * 10_000, abs=4 * 50)
    assert drawn == sorted(drawn)
    assert drawn[0] == 0
    assert drawn == dues_s(scaled(rows, rate_scale=rate_scale))
    assert drawn != dues_s(scaled(rows, rate_scale=rate_scale, seed=1))


def test_rows_that_are_kept_keep_their_lengths() -> None:
    """Thinning drops whole rows, and times count from the first that is left."""
    rows = [Row(n * S, n + 1, n + 2) for n in range(1_000)]
    kept = list(share(scaled(rows, rate_scale=0.5)))
    first = (kept[0].input_tokens or 0) - 1
    for arrival in kept:
        n = arrival.due_ns // S + first
        assert (arrival.input_tokens, arrival.output_tokens) == (n + 1, n + 2)


def test_rows_out_of_order_are_sorted_with_a_note() -> None:
    """Rows of one time stay in their order; a second note counts answers of unknown length."""
    mixed = [ROWS[3], ROWS[1], ROWS[2], ROWS[0]]
    sorted_again = scaled(mixed)
    assert list(share(sorted_again)) == list(share(scaled(ROWS)))
    assert sorted_again.notes == (
        "trace t.csv: 2 of 4 rows were earlier than the row before; sorted",
        "trace t.csv: 1 of 4 rows have no output length; they ask for the run's own",
    )


def test_a_sound_trace_needs_no_note() -> None:
    """Rows in order with lengths."""
    assert scaled([Row(0, 1, 1), Row(0, 1, 1)]).notes == ()


@pytest.mark.parametrize(
    ("rows", "scales", "refusal"),
    [
        ([], {}, "trace t.csv: no row in it; give one with at least one request"),
        ([Row(0)], {"rate_scale": 0.001}, "rate_scale 0.001 leaves none of 1 rows; give a greater"),
        (
            [Row(n * 1_000) for n in range(20_000)],
            {},
            "1000050/s on average is more than 10000/s; give a smaller time_scale or rate_scale",
        ),
        ([Row(0), Row(2**61)], {"time_scale": 0.001}, "lasts more than a century; check the times"),
    ],
)
def test_what_cannot_be_replayed_is_refused(
    rows: list[Row], scales: dict[str, float], refusal: str
) -> None:
    """The refusal names the trace and what to do."""
    with pytest.raises(InputError, match=re.escape(refusal)):
        scaled(rows, **scales)


def test_a_replay_knows_its_size_and_end() -> None:
    """Nothing is due past the last row."""
    arrivals = scaled(ROWS)
    assert (len(arrivals), arrivals.ends_ns) == (4, 4 * S)
    assert (arrivals.due(3), arrivals.due(4), arrivals.at(4)) == (4 * S, None, None)


def test_a_packed_trace_needs_no_file() -> None:
    """Unpacked it is the same arrivals, lengths and notes, in little room."""
    whole = scaled([*ROWS, Row(1 * S)])
    same = TraceArrivals.unpack(whole.pack())
    assert list(share(same)) == list(share(whole))
    assert (same.notes, same.ends_ns) == (whole.notes, whole.ends_ns)
    assert len(scaled([Row(n * S, 100, 10) for n in range(10_000)]).pack()) < 40_000
