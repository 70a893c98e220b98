"""Facts about the results file in the old tool's sections."""

import msgspec

from inferswarm.reports.old_results import results
from inferswarm.telemetry.values import Collected, Series
from tests.reports import sample_run


def test_it_has_the_old_sections_with_the_runs_numbers() -> None:
    """Duration, start, end, users, rate, statistics and metrics."""
    shot = sample_run.snapshot_of(sample_run.summary_of(sample_run.records()))
    points = [(0, 50.0), (1, 70.0)]
    line = Series(name="g", title="use", panel="GPU", unit="%", source="s", points=points)
    text = results(shot, Collected(series=[line], notes=["memory: unknown"]))
    for start in ("Test duration: ", "Start: ", "End: ", "Users: ", "Rate: ", "Locust statistics"):
        assert f"\n{start}" in f"\n{text}"
    row = next(one for one in text.splitlines() if f"{shot.requests.attempted:,}" in one.split())
    assert f"{shot.requests.failed:,}" in row.split()
    assert "GPU use: mean 60.0 %, max 70.0 %\nnot known: memory: unknown\n" in text


def test_an_empty_run_has_one_too() -> None:
    """With dashes where there is nothing."""
    empty = msgspec.structs.replace(
        sample_run.snapshot_of(sample_run.summary_of([])), run={}, config={}
    )
    assert "Start: -" in results(empty, Collected())
    assert results(empty, Collected()).endswith("Metrics\nnone were asked for\n")
