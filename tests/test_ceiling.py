"""Facts about runs beyond what was calibrated."""

import pytest

from inferswarm.ceiling import Ceiling, Ceilings, Peaks, check, check_run, peaks
from inferswarm.summary import Summary
from tests.builders import MS, START_NS, S, record

BOUND, LIMIT = Ceiling(1_000), Ceiling(1_000, 2_000)


@pytest.mark.parametrize(
    ("rate", "ceiling", "said"),
    [
        (999, BOUND, ""),
        (1_050, BOUND, ""),
        (1_051, BOUND, "warning"),
        (10**9, BOUND, "warning"),
        (1_050, LIMIT, ""),
        (1_051, LIMIT, "warning"),
        (1_999, LIMIT, "warning"),
        (2_000, LIMIT, "reason"),
        (1_040, Ceiling(1_000, 1_000), ""),
        (1_060, Ceiling(1_000, 1_000), "reason"),
        (1, Ceiling(0, 50), "warning"),
        (50, Ceiling(0, 50), "reason"),
        (10**9, None, ""),
    ],
)
def test_what_is_said_of_a_rate(rate: float, ceiling: Ceiling | None, said: str) -> None:
    """Only a rate that is known to be missed speaks against a run; tokens and requests alike."""
    for peak, ceilings, unit in (
        (Peaks(rate, 0), Ceilings(tokens=ceiling), "tokens/s"),
        (Peaks(0, rate), Ceilings(requests=ceiling), "requests/s"),
    ):
        found = check(peak, ceilings)
        assert (len(found.reasons), len(found.warnings)) == (said == "reason", said == "warning")
        for sentence in found.reasons + found.warnings:
            assert sentence.startswith(f"{rate:,.0f} {unit} per worker")
            assert sentence.endswith("add workers or calibrate again")


def busy() -> Summary:
    """Twelve requests of three tokens that end in one second, three in another."""
    summary = Summary()
    for k in range(15):
        at_ns = START_NS + (0 if k < 12 else 10 * S)
        summary.add(record(k=k, due_ns=at_ns, sent_ns=at_ns, end_ns=at_ns + 400 * MS))
    return summary


def test_the_busiest_bucket_is_shared_among_the_workers() -> None:
    """Rates are those of one worker and of a second, however wide a bucket is."""
    timeline = busy().timeline
    assert peaks(timeline, 1) == Peaks(36, 12)
    assert peaks(timeline, 3) == Peaks(12, 4)
    timeline.widen(4)
    assert peaks(timeline, 1) == Peaks(9, 3)
    assert peaks(Summary().timeline, 0) == Peaks(0, 0)


def test_a_run_is_held_against_what_its_description_says() -> None:
    """Nothing, or what another version wrote, says nothing."""
    timeline = busy().timeline
    kept = {"tokens": {"carried_per_s": 10.0}, "measured": "x"}
    assert len(check_run({"calibration": kept}, timeline, 1).warnings) == 1
    for run in ({}, {"calibration": None}, {"calibration": {"tokens": "many"}}):
        assert check_run(run, timeline, 1).warnings == []
