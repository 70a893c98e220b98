"""Facts about the numbers that the charts draw."""

from itertools import pairwise
from math import nan
from random import Random

import pytest

from inferswarm.histogram import Histogram
from inferswarm.reports import charts
from inferswarm.summary import SAMPLE_POINTS, Summary
from inferswarm.timeline import LIMIT

from . import sample_run
from .sample_run import MS, START_NS, S


@pytest.fixture(scope="module")
def summary() -> Summary:
    """Eight users over half a minute, some of their requests failing."""
    return sample_run.summary_of(sample_run.records(users=8, ramp_s=2, duration_s=30))


def lines_of(summary: Summary, title: str) -> dict[str, list[float | None]]:
    """The lines of one panel by name."""
    panels = {panel["title"]: panel for panel in charts.timeline(summary)["panels"]}
    return {line["name"]: line["values"] for line in panels[title]["lines"]}


def test_slices_cover_the_run_without_gap_or_overlap(summary: Summary) -> None:
    """Slices follow one another from the first request sent to the last end."""
    cut = charts.slices(summary)
    assert cut[0].start_ns == summary.first_sent_ns
    assert cut[-1].end_ns == summary.last_end_ns
    assert all(before.end_ns == after.start_ns for before, after in pairwise(cut))


def test_slices_at_the_ends_are_at_least_half_a_bucket(summary: Summary) -> None:
    """A short rest joins its neighbour, so that a rate over it means something."""
    assert all(part.seconds >= summary.timeline.width_s / 2 for part in charts.slices(summary))


def test_rates_times_covered_seconds_give_all_tokens_and_requests(summary: Summary) -> None:
    """Nothing is lost or counted twice by cutting and joining."""
    cut = charts.slices(summary)
    tokens = lines_of(summary, "Output tokens/s")[""]
    total = sum(summary.output_tokens_by_source.values())
    assert sum(
        (rate or 0) * part.seconds for rate, part in zip(tokens, cut, strict=True)
    ) == pytest.approx(total, rel=1e-3)
    failed = lines_of(summary, "Failed requests/s")["failed"]
    assert sum(
        (rate or 0) * part.seconds for rate, part in zip(failed, cut, strict=True)
    ) == pytest.approx(summary.failed, rel=1e-3)


def test_a_steady_load_has_no_dip_in_a_partial_bucket() -> None:
    """One request in flight all the time reads 1 in every slice, also in those cut short."""
    first = sample_run.successes(1)[0]
    again = sample_run.summary_of([first])
    assert lines_of(again, "Concurrency")[""] == pytest.approx([1.0] * len(charts.slices(again)))


def test_making_a_timeline_leaves_the_summary_as_it_was(summary: Summary) -> None:
    """Joining the ends works on copies."""
    before = summary.pack()
    charts.timeline(summary)
    charts.prompts(summary)
    assert summary.pack() == before


def test_a_panel_without_values_is_left_out() -> None:
    """A run without failures or streams has no panel for them."""
    made = charts.timeline(sample_run.summary_of(sample_run.successes(5, streamed=False)))
    titles = [panel["title"] for panel in made["panels"]]
    assert titles == ["Output tokens/s", "Requests/s", "Concurrency", "E2E"]


def test_a_run_without_success_has_no_panel_of_zeros() -> None:
    """Where nothing succeeded, only failures and requests in flight are drawn."""
    made = charts.timeline(sample_run.summary_of([sample_run.failure()]))
    assert [panel["title"] for panel in made["panels"]] == ["Failed requests/s", "Concurrency"]


def test_latencies_are_none_where_no_request_ended() -> None:
    """A slice without an end has no latency, and says so with None instead of 0."""
    made = sample_run.summary_of(sample_run.successes(1))
    assert lines_of(made, "E2E")["p50"][0] is None


def test_an_empty_run_has_an_empty_timeline() -> None:
    """Without any request there is nothing to draw and nothing fails."""
    made = charts.timeline(Summary())
    assert (made["seconds"], made["duration_s"]) == ([], 0)


def test_a_request_that_took_no_time_gives_no_endless_rate() -> None:
    """Where nothing of the run is covered, rates are 0."""
    made = sample_run.summary_of([sample_run.refused()])
    assert charts.slices(made)[0].per_s(1) == 0


def test_a_long_run_stays_within_the_limit_of_buckets() -> None:
    """Hours are drawn with as few points as minutes."""
    made = sample_run.summary_of(sample_run.records(users=1, ramp_s=0, duration_s=3_600))
    assert len(charts.timeline(made)["seconds"]) <= LIMIT


def test_a_curve_rises_from_nothing_to_all_within_its_points() -> None:
    """However many steps a histogram has, the curve is short, ascending and complete."""
    draw, histogram = Random(1), Histogram()
    for _ in range(20_000):
        histogram.add(round(draw.lognormvariate(0, 1) * MS))
    made = charts.curve(histogram, MS)
    assert len(made) == charts.CURVE_POINTS
    assert made == sorted(made)
    assert (made[0][1], made[-1][1]) == (0, 1)
    assert made[-1][0] == pytest.approx(histogram.high / MS, rel=histogram.relative_error)


def test_thin_keeps_the_ends() -> None:
    """First and last point stay; few points stay as they are."""
    points = [(float(i), float(i)) for i in range(1_000)]
    made = charts.thin(points, 10)
    assert (len(made), made[0], made[-1]) == (10, points[0], points[-1])
    assert charts.thin(points[:3], 10) == points[:3]


def test_distributions_overlay_sent_and_due(summary: Summary) -> None:
    """TTFT is drawn from both origins, with the published percentiles marked on it."""
    stats = sample_run.snapshot_of(summary).metrics["ttft"]
    made = charts.distribution("ttft", stats, summary)
    assert [curve["name"] for curve in made["curves"]] == ["from sent", "from due"]
    assert made["marks"] == {mark: getattr(stats, mark) for mark in charts.MARKS}


def test_prompts_are_a_bounded_sample_in_milliseconds(summary: Summary) -> None:
    """Every point has the length and the TTFT of one successful request."""
    made = charts.prompts(summary)
    assert (made["unit"], made["why_not"]) == ("tokens", "")
    assert len(made["points"]) == min(summary.succeeded, SAMPLE_POINTS)
    record = sample_run.successes(1)[0]
    alone = charts.prompts(sample_run.summary_of([record]))["points"]
    ttft_ms = pytest.approx(record.chunk_ns[0] / MS, rel=1e-4)
    assert alone == [(record.input_tokens, ttft_ms, record.output_tokens, 0.0)]


def test_prompts_fall_back_to_characters() -> None:
    """Where a server counted no input tokens, the prompt's characters stand in."""
    made = charts.prompts(sample_run.summary_of(sample_run.uncounted(4)))
    assert made["unit"] == "characters"
    assert all(length > 0 for length, *_ in made["points"])


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (Summary(), "succeeded"),
        (sample_run.summary_of(sample_run.successes(3, streamed=False)), "streamed"),
    ],
)
def test_prompts_say_why_they_are_not_drawn(made: Summary, word: str) -> None:
    """Without a first token there is a sentence instead of an empty chart."""
    assert word in charts.prompts(made)["why_not"]


def test_trend_is_the_median_of_each_tenth() -> None:
    """A value equal to its length gives a straight line through the groups' middles."""
    made = charts.trend([(i, float(i)) for i in range(100)])
    assert made == [(i * 10 + 4.5, i * 10 + 4.5) for i in range(charts.TREND_BINS)]


def test_trend_needs_points_and_lengths_enough() -> None:
    """Few points, or prompts all alike, show no trend."""
    assert charts.trend([(i, 1.0) for i in range(20)]) == []
    assert charts.trend([(5, 1.0)] * 500) == []


def test_short_keeps_five_digits_and_has_no_nan() -> None:
    """JSON knows no NaN, and a screen no sixth digit."""
    assert charts.short(1234.5678) == 1234.6
    assert charts.short(nan) is None


def test_seconds_start_at_the_first_request(summary: Summary) -> None:
    """The time axis is counted from the first request sent, not from the epoch."""
    made = charts.timeline(summary)
    assert 0 < made["seconds"][0] < 2
    assert made["seconds"][-1] < made["duration_s"]
    assert abs(summary.first_sent_ns - START_NS) < S
