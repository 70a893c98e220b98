"""Facts about errors: what was reported beside the truth of the same request."""

import pytest

from inferswarm.calibration import figures
from inferswarm.calibration.figures import Figure, Window, figure, match
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.exchange import Outcome
from inferswarm.records import Record
from inferswarm.simulator.truth import TruthRow
from tests.builders import MS, START_NS, S, failure, record

US = 1_000
PACE = SimulatorOptions.model_validate({"ttft": "100ms", "itl": "10ms"})
ALWAYS = Window(0, 1 << 62)


def row(number: int, at_ns: int, tokens: int = 3, late_ns: int = 0, words: int = 7) -> TruthRow:
    """A request accepted at `at_ns` and answered at PACE, each token `late_ns` after it was due."""
    token_ns = [at_ns + 100 * MS + i * 10 * MS + late_ns for i in range(tokens)]
    return TruthRow(
        request=number,
        route="/v1/completions",
        stream=True,
        model="simulated",
        accepted_ns=at_ns,
        started_ns=at_ns,
        head_ns=at_ns,
        token_ns=token_ns,
        end_ns=token_ns[-1],
        prompt_tokens=words,
        output_tokens=tokens,
        outcome="ok",
        status=200,
    )


def report(truth: TruthRow, error_ns: int = 0, **changed: object) -> Record:
    """What a client says of that request, each arrival later by `error_ns` than the last one's."""
    chunks = [at - truth.accepted_ns + (i + 1) * error_ns for i, at in enumerate(truth.token_ns)]
    usual = {
        "sent_ns": truth.accepted_ns,
        "end_ns": truth.end_ns,
        "chunk_ns": chunks,
        "output_tokens": len(chunks),
        "prompt": truth.prompt_tokens,
        "input_tokens": truth.prompt_tokens,
    }
    return record(**{**usual, **changed})


def test_a_client_that_tells_the_truth_has_no_error() -> None:
    """Every figure of TTFT and ITL is that of the log, and all is matched."""
    rows = [row(k, START_NS + k * MS) for k in range(50)]
    found = figures.of([report(one) for one in rows], rows, PACE, ALWAYS)

    assert set(found.metrics) == {"ttft", "itl"}
    assert found.worst[0] == 0
    assert (found.matched, found.unmatched, found.failed, found.trouble) == (50, 0, {}, "")
    assert found.metrics["ttft"].true_p50 == 100
    assert found.metrics["itl"].true_p99 == 10
    assert (found.metrics["ttft"].count, found.metrics["itl"].count) == (50, 100)
    assert found.server_late_p99_ms == 0


def test_errors_are_reported_minus_true_in_milliseconds() -> None:
    """One late arrival after another adds to the TTFT once and to every gap."""
    rows = [row(k, START_NS + k * MS) for k in range(50)]
    found = figures.of([report(one, 500 * US) for one in rows], rows, PACE, ALWAYS)

    assert found.metrics["ttft"].mean_error == pytest.approx(0.5)
    assert found.metrics["itl"].p99_error == pytest.approx(0.5)
    share, name = found.worst
    assert (round(share, 6), name) == (0.05, "itl")


def test_errors_that_cancel_are_seen_in_single_values() -> None:
    """A figure of all may be right although every value is wrong."""
    off = figure([(110 * MS, 100 * MS), (100 * MS, 110 * MS)])
    assert off == Figure(
        count=2,
        true_mean=105.0,
        true_p50=110.0,
        true_p99=110.0,
        mean_error=0.0,
        p50_error=0.0,
        p99_error=0.0,
        single_error_p99=10.0,
    )
    assert off.worst_share == 0


@pytest.mark.parametrize("errors", [(3, 0, 0), (0, 3, 0), (0, 0, -3)])
def test_the_worst_of_mean_p50_and_p99_counts(errors: tuple[float, float, float]) -> None:
    """Whichever of the three is off most, early or late, as a share of its own true value."""
    mean, p50, p99 = errors
    assert Figure(9, 100, 100, 100, mean, p50, p99, 0).worst_share == pytest.approx(0.03)


def test_requests_are_matched_by_length_and_order() -> None:
    """Neighbours of other lengths may have changed places; each record still finds its own row."""
    rows = [row(k, START_NS + k * US, tokens=2 + k % 5, words=3 + k % 5) for k in range(40)]
    records = [
        report(one, sent_ns=one.accepted_ns + (-1) ** k * 3 * US) for k, one in enumerate(rows)
    ]
    pairs = list(match(records, rows[::-1]))

    assert len(pairs) == 40
    assert all(one.prompt == other.prompt_tokens for one, other in pairs)
    assert sorted(other.request for _, other in pairs) == list(range(40))


def test_what_one_side_does_not_know_is_passed_over() -> None:
    """Rows without a record and records without a row leave all others in their pairs."""
    rows = [row(k, START_NS + k * S) for k in range(10)]
    records = [report(one) for one in rows]
    pairs = list(match(records[:3] + records[4:], rows[:7] + rows[8:]))

    assert [other.request for _, other in pairs] == [0, 1, 2, 4, 5, 6, 8, 9]
    assert all(one.sent_ns == other.accepted_ns for one, other in pairs)


def test_only_the_window_counts() -> None:
    """Requests sent and tokens written outside of it are left out, of rates too."""
    rows = [row(k, START_NS + k * S // 10) for k in range(40)]
    window = Window(START_NS + S, START_NS + 3 * S)
    found = figures.of([report(one) for one in rows], rows, PACE, window)

    assert found.metrics["ttft"].count == 20
    assert found.tokens_per_s == 30
    assert found.requests_per_s == 10


def test_an_answer_cut_at_the_end_still_tells_its_gaps() -> None:
    """The end of a step cuts answers: what both sides saw of them is compared."""
    rows = [row(0, START_NS, tokens=9), row(1, START_NS + S, tokens=9)]
    cut = report(rows[1], outcome=Outcome.CANCELLED, input_tokens=None)
    cut = report(rows[1], outcome=Outcome.CANCELLED, input_tokens=None, chunk_ns=cut.chunk_ns[:5])
    found = figures.of([report(rows[0]), cut], rows, PACE, ALWAYS)

    assert found.metrics["itl"].count == 8 + 4
    assert (found.matched, found.unmatched, found.failed) == (1, 0, {})


def test_answers_that_are_not_streamed_have_only_their_whole_time() -> None:
    """No TTFT, no ITL; the time to the whole answer is compared."""
    rows = [row(k, START_NS + k * S) for k in range(4)]
    records = [
        report(one, streamed=False, chunk_ns=[one.token_ns[-1] - one.accepted_ns + MS])
        for one in rows
    ]
    found = figures.of(records, rows, PACE, ALWAYS)
    assert list(found.metrics) == ["e2e"]
    assert found.metrics["e2e"].mean_error == pytest.approx(1)


def test_how_late_the_simulator_was_is_told() -> None:
    """Tokens that left after they were due, by the pace of their request."""
    rows = [row(k, START_NS + k * MS, late_ns=7 * MS) for k in range(10)]
    found = figures.of([report(one) for one in rows], rows, PACE, ALWAYS)
    assert found.server_late_p99_ms == pytest.approx(7)
    assert found.worst[0] == 0


def test_failures_and_strangers_are_trouble() -> None:
    """A step with failed requests, with answers of nobody, or without any proves nothing good."""
    rows = [row(k, START_NS + k * S) for k in range(4)]
    records = [report(one) for one in rows]
    refused = failure(Outcome.CONNECT, sent_ns=0)
    longer = report(rows[0], chunk_ns=[1, 2], output_tokens=2)

    assert "1 connect" in figures.of([*records, refused], rows, PACE, ALWAYS).trouble
    assert "1 answers" in figures.of([longer, *records[1:]], rows, PACE, ALWAYS).trouble
    assert "4 answers" in figures.of(records, [], PACE, ALWAYS).trouble
    assert figures.of([], [], PACE, ALWAYS).trouble == "no answer was measured"
