"""Facts about reading one run for a comparison."""

from pathlib import Path

import pytest

from inferswarm.compare.blocks import BLOCKS
from inferswarm.compare.estimates import METRICS
from inferswarm.reports.build import build
from inferswarm.reports.compare_run import read_side, request_ns, span_of
from tests.builders import MS, S, record
from tests.compare.sample import served
from tests.reports.compare_sides import folder_of


@pytest.mark.parametrize("warmup", [None, "5s", "60"])
def test_its_numbers_are_those_of_the_report(tmp_path: Path, warmup: str | None) -> None:
    """Over the same window, whatever of the start is left out."""
    folder = folder_of(tmp_path / "x", served(1, 400))
    side, shot = read_side(folder, "A", "x", 0, warmup), build(folder, warmup=warmup).snapshot
    for name in METRICS:
        stats = shot.metrics[name]
        assert side.estimates[f"{name}.p50"].value == stats.p50
        assert side.estimates[f"{name}.mean"].value == pytest.approx(stats.mean)
    rate = shot.throughput
    assert side.estimates["throughput.requests"].value == pytest.approx(rate.requests_per_s)
    assert side.estimates["throughput.output_tokens"].value == pytest.approx(
        rate.output_tokens_per_s
    )
    assert side.facts.blocks == BLOCKS
    assert side.facts.block_s * BLOCKS == pytest.approx(rate.duration_s)
    assert side.facts.requests == 400 - shot.window.requests_sent_in_warmup


def test_the_window_and_the_mean_request_are_instants_and_times(tmp_path: Path) -> None:
    """To the nanosecond, lag included."""
    built = build(
        folder_of(
            tmp_path / "x",
            served(1, 50),
        )
    )
    span = span_of(built.snapshot, built.summary)
    assert span.begin_ns == built.summary.first_sent_ns
    assert span.seconds == pytest.approx(built.snapshot.throughput.duration_s)
    late = build(folder_of(tmp_path / "y", [record(), record(k=1)]))
    assert request_ns(late.snapshot, late.summary) == pytest.approx(401 * MS)


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    """Upwards, and it ends at 1."""
    told: list[float] = []
    read_side(folder_of(tmp_path / "x", served(1, 2_500, 2)), "A", "x", 0, progress=told.append)
    assert told == sorted(told)
    assert 0 < told[0] < 0.5
    assert told[-1] == 1.0


def test_a_run_without_a_success_is_read_too(tmp_path: Path) -> None:
    """It has no numbers, and nothing breaks."""
    failed = [record(k=k, outcome="truncated", sent_ns=record().sent_ns + k * S) for k in range(9)]
    side = read_side(folder_of(tmp_path / "x", failed), "A", "x", 0)
    assert side.facts.blocks == 0
    assert side.facts.valid is False
    assert side.estimates["ttft.p50"].value is None
    assert side.estimates["error_rate"].value == 1.0
    assert side.curves == {}
