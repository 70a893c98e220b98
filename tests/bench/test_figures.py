"""Facts about how figures come from samples, truth and reports."""

from array import array
from dataclasses import replace

import pytest
from bench.clients.row import Reported
from bench.loads import Load
from bench.machine import Samples, between
from bench.truth import Served, Truth

from bench import figures

MS = 1_000_000
ROUND_NS = 100 * MS
LOAD = Load("small", "small", users=2, tokens=3)


def served(number: int, received_ns: int) -> Served:
    """An answer of three tokens: after 50 ms, then one per 10 ms."""
    times = array("Q", [received_ns + (50 + 10 * i) * MS for i in range(3)])
    return Served(number, received_ns, times[0], times[-1], True, True, 3, times)


def run(rounds: int, late_ns: int) -> figures.Measured:
    """Two users in step, a client that is `late_ns` late with every first token, half a core busy."""
    rows = [served(2 * i + user, (1 + i) * ROUND_NS) for i in range(rounds) for user in range(2)]
    told = [
        Reported(row.received_ns, [row.token_ns[0] - row.received_ns + late_ns, 60 * MS, 70 * MS])
        for row in rows
    ]
    at = list(range(0, (rounds + 3) * ROUND_NS, 50 * MS))
    samples = Samples(at, [ns // 2 for ns in at])
    return figures.Measured(0, at[-1], samples, Truth(rows, 0, 0), told)


def test_values_between_samples_lie_on_the_line() -> None:
    """Inside it is interpolated; outside the nearest sample counts."""
    assert [between([10, 20], [100, 300], at) for at in (0, 10, 15, 20, 99)] == [
        *(100, 100, 200, 300, 300)
    ]


def test_the_window_leaves_out_the_first_and_the_last_round() -> None:
    """It reaches from the second round's first request to the last round's."""
    window = figures.steady_window(run(5, 0).truth.rows, 2)
    assert window is not None
    assert (window.start_ns, window.end_ns) == (2 * ROUND_NS, 5 * ROUND_NS)


def test_too_few_rounds_have_no_window() -> None:
    """Then only what needs no window is told."""
    found = figures.of(LOAD, run(2, 0))
    assert found["start_s"] == pytest.approx(0.1)
    assert "cpu_us_per_chunk" not in found


def test_cost_is_cpu_per_chunk_and_per_request() -> None:
    """Half a core for 3 rounds of 100 ms; 6 requests, 18 tokens."""
    found = figures.of(LOAD, run(5, 0))
    assert found["core_share"] == pytest.approx(0.5)
    assert found["cpu_us_per_request"] == pytest.approx(150_000 / 6)
    assert found["cpu_us_per_chunk"] == pytest.approx(150_000 / 18)
    assert found["chunks_per_core_s"] == pytest.approx(18 / 0.15)


def test_errors_are_what_was_reported_minus_what_was_so() -> None:
    """A client 2 ms late with first tokens reports them 2 ms too long, and a gap shorter."""
    found = figures.of(LOAD, run(5, 2 * MS))
    assert found["ttft_true_ms"] == pytest.approx(50)
    assert found["ttft_error_mean_ms"] == pytest.approx(2)
    assert found["ttft_error_p99_ms"] == pytest.approx(2)
    assert found["itl_error_p50_ms"] == pytest.approx(0)


def test_requests_without_an_instant_all_count() -> None:
    """A client that does not say when it sent is judged by all that it tells."""
    measured = run(5, 0)
    told = [Reported(None, one.token_ns) for one in measured.reported]
    told[0] = Reported(None, [250 * MS, 260 * MS, 270 * MS])
    found = figures.of(LOAD, replace(measured, reported=told))
    assert found["ttft_error_mean_ms"] == pytest.approx(200 / 10)
    assert found["itl_error_mean_ms"] == pytest.approx(0)


def test_one_gap_for_a_request_is_compared_with_all_gaps() -> None:
    """A client that tells only means has its own mean error."""
    measured = run(5, 0)
    told = [Reported(one.sent_ns, [50 * MS, 61 * MS]) for one in measured.reported]
    found = figures.of(LOAD, replace(measured, reported=told))
    assert found["itl_error_mean_ms"] == pytest.approx(1)


def open_loop(late_ns: int, lost: int = 0) -> figures.Measured:
    """Requests due every 10 ms, sent `late_ns` later and received 1 ms after that."""
    dues = [ROUND_NS + i * 10 * MS for i in range(100)]
    rows = [served(i, due + late_ns + MS) for i, due in enumerate(dues)]
    told = [Reported(due + late_ns, [51 * MS, 61 * MS, 71 * MS], due) for due in reversed(dues)]
    return replace(run(3, 0), truth=Truth(rows, 0, 0), reported=told[lost:])


def test_an_open_loop_tells_how_late_requests_were_sent_and_arrived() -> None:
    """Sent is the client's own instant, arrived the server's; both less when they were due."""
    found = figures.of(replace(LOAD, kind="open"), open_loop(3 * MS))
    assert found["send_lag_p50_ms"] == pytest.approx(3)
    assert found["send_lag_p99_ms"] == pytest.approx(3)
    assert found["arrival_lag_p50_ms"] == pytest.approx(4)
    assert found["requests_per_s"] == pytest.approx(100)
    assert found["ttft_error_mean_ms"] == pytest.approx(1)


def test_arrivals_that_match_no_request_are_not_told() -> None:
    """With fewer requests reported than served only the client's own lag stands."""
    found = figures.lags(open_loop(3 * MS, lost=1))
    assert set(found) == {"send_lag_p50_ms", "send_lag_p99_ms"}


def test_a_closed_loop_has_no_lags() -> None:
    """Nothing is due there."""
    assert figures.lags(run(3, 0)) == {}


def test_medians_ignore_runs_without_the_figure() -> None:
    """A run that told less does not count as nought."""
    assert figures.medians([{"a": 1.0}, {"a": 3.0, "b": 5.0}, {"a": 9.0}]) == {"a": 3.0, "b": 5.0}
