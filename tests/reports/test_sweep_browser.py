"""Facts about the page of a sweep in a real browser, opened from a file as a person would."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inferswarm.limits.search import Found
from inferswarm.reports import sweep as report
from tests.limits.sample import point, sweep
from tests.reports import test_html_browser as pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pages.pytestmark
browser = pages.browser
PLACE = """() => {
    const [point] = JSON.parse(document.getElementById("view").textContent).points;
    const chart = echarts.getInstanceByDom(document.querySelector(".curve"));
    return chart.convertToPixel({ seriesIndex: 2 }, [point.output_tokens_per_s, point.metrics.ttft.p99]);
}"""
"""Where the first chart draws the first point, in pixels."""


@pytest.mark.parametrize("width", [1440, 390])
def test_curves_table_and_links(browser: "Browser", tmp_path: Path, width: int) -> None:
    """All curves are drawn, the limit is marked, points link to their runs, and the axis changes."""
    points = (point(5), point(10, 300), point(20, 900))
    report.write(tmp_path, sweep(*points, found=Found(10, 1, 1, 20, 1, 1), said="up to 10/s"))
    with pages.opened(browser, tmp_path / "sweep.html", width=width) as page:
        assert page.locator("canvas").count() == 3
        assert page.evaluate(f"({pages.PAINTED})([...document.querySelectorAll('canvas')])")
        assert page.evaluate(pages.OVERFLOW) == 0
        assert page.locator("#said").inner_text() == "up to 10/s"
        assert page.locator("#points tbody tr").count() == 3
        assert page.locator("#points tr.limit").count() == 1
        links = page.locator("#points a").evaluate_all(
            "all => all.map(a => a.getAttribute('href'))"
        )
        assert links == [f"folder-{load}/report.html" for load in (5, 10, 20)]
        before = page.locator("canvas").first.evaluate(pages.PIXELS)
        page.locator("#requests").click()
        assert page.locator("canvas").first.evaluate(pages.PIXELS) != before
        page.locator("#theme").click()
        assert page.locator("#theme").inner_text() in {"Light", "Dark"}


def test_hovering_a_point_tells_its_numbers(browser: "Browser", tmp_path: Path) -> None:
    """The tooltip has the load that was asked for and what it came to."""
    report.write(tmp_path, sweep(point(10)))
    with pages.opened(browser, tmp_path / "sweep.html") as page:
        box = page.locator("canvas").first.bounding_box()
        assert box is not None
        across, down = page.evaluate(PLACE)
        page.mouse.move(box["x"] + across - 5, box["y"] + down)
        page.mouse.move(box["x"] + across, box["y"] + down)
        page.locator(".tip").wait_for()
        told = page.locator(".tip").inner_text()
    assert told.startswith("10/s")
    assert "Output tokens/s" in told
    assert "TTFT p95" in told
