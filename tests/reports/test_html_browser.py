"""Facts about the report page in a real browser, opened from a file as a person would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from msgspec.structs import replace

from inferswarm.reports import html
from inferswarm.snapshot import Snapshot, to_json
from inferswarm.summary import Summary
from inferswarm.verdict import with_more
from inferswarm.window import Window

from . import sample_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
PAINTED = """all => all.length > 0 && all.every(canvas => canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data.some(value => value > 0))"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
COLUMNS = ["count", "mean", "min", "p50", "p90", "p95", "p99", "p99.9", "max"]
PARTS = ["Client", "Queue", "Prefill", "Rest"]
PIXELS = "canvas => canvas.toDataURL()"

playwright = pytest.importorskip(
    "playwright.sync_api", reason="needs the Python package playwright (pip install playwright)"
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM.exists(), reason=f"needs {CHROMIUM} (Debian: apt-get install chromium)"
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """One browser for all tests."""
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS.split())
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def summary() -> Summary:
    """Sixteen users over half a minute, and one hostile server error."""
    made = sample_run.summary_of(sample_run.records(users=16, ramp_s=4, duration_s=30))
    made.add(sample_run.failure(k=100_000))
    return made


@pytest.fixture(scope="module")
def snapshot(summary: Summary) -> Snapshot:
    """Its published numbers."""
    return sample_run.snapshot_of(summary, simulated=True)


@pytest.fixture(scope="module")
def report(snapshot: Snapshot, summary: Summary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its page in a file."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(html.render(snapshot, summary), encoding="utf-8")
    return file


def written(folder: Path, made: Summary) -> Path:
    """The page of a summary in a file."""
    file = folder / "report.html"
    file.write_text(html.render(sample_run.snapshot_of(made), made), encoding="utf-8")
    return file


@contextmanager
def opened(
    browser: "Browser", file: Path, width: int = 1440, height: int = 900, scheme: Scheme = "light"
) -> Iterator["Page"]:
    """The page in a window; fails afterwards if it complained or asked for anything outside."""
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
    )
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(file.as_uri())
        yield page
        assert said == []
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    finally:
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_page_opens_clean(
    browser: "Browser", report: Path, width: int, height: int, scheme: Scheme
) -> None:
    """On a desk and on a phone, by day and by night: all charts drawn, nothing sticks out."""
    with opened(browser, report, width, height, scheme) as page:
        assert page.locator("canvas").count() == 6
        assert page.eval_on_selector_all("canvas", PAINTED)
        assert page.evaluate(OVERFLOW) == 0
        assert page.locator("html").get_attribute("data-theme") == scheme


def test_the_answer_is_above_the_fold(browser: "Browser", report: Path, snapshot: Snapshot) -> None:
    """Verdict, model, throughput and latencies are seen without scrolling."""
    with opened(browser, report) as page:
        assert page.locator("#verdict").inner_text() == "VALID"
        assert "meta-llama" in page.locator("h1").inner_text()
        assert page.locator("#simulated").is_visible()
        box = page.locator("#latency").bounding_box()
        assert box
        assert box["y"] + box["height"] < 900
        shown = page.locator("#latency dd").first.inner_text()
        assert float(shown.removesuffix("ms")) == pytest.approx(
            snapshot.metrics["ttft"].p50, rel=0.01
        )


def test_an_invalid_run_gives_its_reasons(browser: "Browser", tmp_path: Path) -> None:
    """INVALID stands first, with every reason in words."""
    made = sample_run.summary_of([sample_run.failure()])
    with opened(browser, written(tmp_path, made)) as page:
        assert page.locator("#verdict").inner_text() == "INVALID"
        assert "no request succeeded" in page.locator("#reasons li").inner_text()


def test_theme_can_be_switched(browser: "Browser", report: Path) -> None:
    """The button changes the page and redraws the charts, and changes them back."""
    with opened(browser, report) as page:
        chart = "#timeline-chart canvas"
        before = page.eval_on_selector(chart, PIXELS)
        page.keyboard.press("Tab")
        page.locator("#theme").press("Enter")
        assert page.locator("html").get_attribute("data-theme") == "dark"
        assert page.eval_on_selector(chart, PIXELS) != before
        page.locator("#theme").click()
        assert page.eval_on_selector(chart, PIXELS) == before


def test_scale_can_be_switched(browser: "Browser", report: Path) -> None:
    """Log and linear draw different curves, and say which of them is on."""
    with opened(browser, report) as page:
        curve = ".curve canvas >> nth=0"
        before = page.locator(curve).evaluate(PIXELS)
        page.locator("#log").click()
        assert page.locator("#log").get_attribute("aria-pressed") == "true"
        assert page.locator(curve).evaluate(PIXELS) != before
        page.locator("#linear").click()
        assert page.locator(curve).evaluate(PIXELS) == before


def test_numbers_can_be_downloaded(browser: "Browser", report: Path, snapshot: Snapshot) -> None:
    """Both buttons save what the page was made from."""
    with opened(browser, report) as page:
        with page.expect_download() as saved:
            page.locator("#download-json").click()
        assert saved.value.suggested_filename == "summary.json"
        assert json.loads(Path(saved.value.path()).read_bytes()) == json.loads(to_json(snapshot))
        with page.expect_download() as saved:
            page.locator("#download-csv").click()
        assert saved.value.suggested_filename == "metrics.csv"
        assert Path(saved.value.path()).read_text() == html.metrics_csv(snapshot.metrics)


def test_hostile_body_is_shown_as_text(browser: "Browser", report: Path) -> None:
    """Markup in a server's answer is read by people only."""
    with opened(browser, report) as page:
        assert page.locator("img").count() == 0
        assert sample_run.HOSTILE in page.locator("#errors pre").all_text_contents()


def test_a_metric_explains_itself(browser: "Browser", report: Path) -> None:
    """Pressing a metric's name, also by keyboard, opens its definition."""
    with opened(browser, report, 390, 844) as page:
        name, meaning = page.locator(".more").first, page.locator(".meaning").first
        assert not meaning.is_visible()
        name.press("Enter")
        assert meaning.is_visible()
        assert "Time to first token" in meaning.inner_text()
        assert name.get_attribute("aria-expanded") == "true"
        assert page.evaluate(OVERFLOW) == 0


def test_metrics_without_values_stay_away_until_asked_for(browser: "Browser", report: Path) -> None:
    """The page says how many there are, and a button shows them and hides them again."""
    with opened(browser, report) as page:
        rows, button = page.locator("#metrics-table tr.without"), page.locator("#show-empty")
        assert rows.count() == 6
        assert "6 of " in page.locator("#metrics-note").inner_text()
        for shown in (False, True, False):
            assert [row.is_visible() for row in rows.all()] == [shown] * 6
            assert button.get_attribute("aria-pressed") == str(shown).lower()
            button.press("Enter")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_first_token_is_cut_into_its_parts(
    browser: "Browser", tmp_path: Path, width: int, scheme: Scheme
) -> None:
    """A bar with each part by its share, the numbers as text, and a table."""
    made = sample_run.summary_of(sample_run.told(9, queue=60_000_000, prefill=20_000_000))
    file = written(tmp_path, made)
    with opened(browser, file, width, 844, scheme) as page:
        assert page.locator("#first-token-parts dt").all_inner_texts() == PARTS
        widths = [piece.bounding_box() for piece in page.locator("#first-token-bar div").all()]
        client, queue, prefill, _ = (box["width"] if box else 0 for box in widths)
        assert 1 < client < prefill < queue
        assert queue / prefill == pytest.approx(3, rel=0.1)
        assert "Queue 60.0 ms, " in str(
            page.locator("#first-token-bar").get_attribute("aria-label")
        )
        page.locator("#first-token-table summary").click()
        assert page.locator("#first-token-table tbody tr").count() == len(PARTS) + 1
        assert page.evaluate(OVERFLOW) == 0


def test_without_the_servers_word_there_is_no_such_section(
    browser: "Browser", report: Path, tmp_path: Path
) -> None:
    """Neither section nor link; and for plain answers a sentence without a bar."""
    with opened(browser, report) as page:
        assert not page.locator("#first-token").is_visible()
        assert not page.locator("#first-token-link").is_visible()
    made = sample_run.summary_of(sample_run.told(3, streamed=False, queue=9_000_000))
    with opened(browser, written(tmp_path, made)) as page:
        assert "not streamed" in page.locator("#first-token-note").inner_text()
        assert not page.locator("#first-token-panel").is_visible()


def test_tokens_counted_by_chunks_are_pointed_out(browser: "Browser", tmp_path: Path) -> None:
    """Sources with their counts, and what a reader should beware of, in words."""
    records = [replace(one, output_source="chunks") for one in sample_run.uncounted(5)]
    made = sample_run.summary_of(records)
    with opened(browser, written(tmp_path, made), 390, 844) as page:
        assert page.locator("#tokens tbody th").all_inner_texts() == ["chunks"]
        assert "only counted by chunks" in page.locator("#cautions").inner_text()
        assert page.evaluate(OVERFLOW) == 0


def test_warnings_and_arrivals_stand_at_the_top(
    browser: "Browser", tmp_path: Path, summary: Summary
) -> None:
    """A valid run may have warnings; an open loop has arrivals in place of users."""
    shot = sample_run.snapshot_of(summary, arrivals="poisson 200/s")
    shot = replace(shot, verdict=with_more(shot.verdict, [], ["beyond the calibrated 800"]))
    file = tmp_path / "report.html"
    file.write_text(html.render(shot, summary), encoding="utf-8")
    with opened(browser, file, 390, 844) as page:
        assert page.locator("#verdict").inner_text() == "VALID"
        assert "Warning: beyond the calibrated" in page.locator("#warnings").inner_text()
        facts = page.locator("#facts").inner_text()
        assert "poisson 200/s" in facts
        assert "Users" not in facts
        assert page.evaluate(OVERFLOW) == 0


def test_the_window_is_told_and_what_is_left_out_is_shaded(
    browser: "Browser", tmp_path: Path, summary: Summary
) -> None:
    """A sentence below the facts, and a note at the timeline; neither where everything counts."""
    shot = sample_run.snapshot_of(summary)
    window = Window(method="load", begin_s=4, end_s=25, run_s=33, requests_ended_in_drain=7)
    file = tmp_path / "report.html"
    for one, said in ((window, True), (shot.window, False)):
        file.write_text(html.render(replace(shot, window=one), summary), encoding="utf-8")
        with opened(browser, file) as page:
            assert page.locator("#window").is_visible() == said
            assert ("Shaded" in page.locator("#timeline-note").inner_text()) == said
            if said:
                assert (
                    page.locator("#window").inner_text().startswith("Measured from 4.0 to 25.0 s;")
                )


def test_percentiles_show_how_sure_they_are(browser: "Browser", tmp_path: Path) -> None:
    """Of a hundred requests the median has an interval, the p99 is marked and says why."""
    made = sample_run.summary_of(sample_run.successes(100))
    with opened(browser, written(tmp_path, made)) as page:
        cells = page.locator("#metrics-table tr", has_text="TTFT").first.locator("td")
        p50, p99 = cells.nth(COLUMNS.index("p50")), cells.nth(COLUMNS.index("p99"))
        assert (p50.get_attribute("title") or "").startswith("95 % confidence: ")
        assert p99.inner_text().startswith("~")
        assert "Too few" in (p99.get_attribute("title") or "")
        page.locator("#metrics-table button.more", has_text="TTFT").first.click()
        assert "the true percentiles lie within: p50" in page.locator("#metrics-table").inner_text()


def test_the_timeline_has_a_table(browser: "Browser", report: Path) -> None:
    """Whoever cannot see the chart can read every point of it."""
    with opened(browser, report) as page:
        page.locator("#timeline-table summary").click()
        page.locator("#timeline-table table").wait_for()
        rows = page.locator("#timeline-table tbody tr").count()
        assert rows == page.evaluate("JSON.parse(view.textContent).timeline.seconds.length")


def test_pointing_at_the_timeline_tells_all_values(browser: "Browser", report: Path) -> None:
    """One tooltip gives every line's value at that time."""
    with opened(browser, report) as page:
        page.locator("#timeline-chart").hover(position={"x": 500, "y": 60})
        page.locator(".tip").wait_for()
        told = page.locator(".tip").inner_text()
        assert "Concurrency" in told
        assert "ITL p99" in told


@pytest.mark.parametrize(
    ("made", "charts"),
    [
        (Summary(), 0),
        (sample_run.summary_of([sample_run.refused()]), 0),
        (sample_run.summary_of([sample_run.failure()]), 1),
        (sample_run.summary_of(sample_run.successes(1)), 6),
        (sample_run.summary_of(sample_run.successes(30, streamed=False)), 2),
        (sample_run.summary_of(sample_run.uncounted(30)), 6),
    ],
    ids=["nothing-sent", "refused", "failed", "one", "not-streamed", "uncounted"],
)
def test_odd_runs_look_sane(browser: "Browser", tmp_path: Path, made: Summary, charts: int) -> None:
    """Little or nothing measured: no error, nothing sticks out, no chart without content."""
    with opened(browser, written(tmp_path, made), 390, 844) as page:
        assert page.locator("canvas").count() == charts
        assert page.evaluate(OVERFLOW) == 0
        shown = page.locator("main").inner_text()
        assert not any(word in shown for word in ("NaN", "undefined", "Infinity", "null"))
