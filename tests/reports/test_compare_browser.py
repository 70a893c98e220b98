"""Facts about the page of a comparison in a real browser, opened from a file as a person would."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inferswarm.compare.conditions import parse
from inferswarm.reports import compare as report
from inferswarm.reports.compare import Asked, compare
from tests.reports import test_html_browser as pages
from tests.reports.compare_sides import sides

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pages.pytestmark
browser = pages.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs, one of them slower, and a condition that fails."""
    place = tmp_path_factory.mktemp("compared")
    three = sides(place, 1.0, 1.1, 1.0)
    asked = Asked(conditions=[parse("itl.p50 worse than 5%")])
    report.write(place, compare(three, asked), three)
    return place


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_curves_tables_and_calls(
    browser: "Browser", folder: Path, width: int, scheme: pages.Scheme
) -> None:
    """All charts are drawn, nothing sticks out, and the table says what the JSON says."""
    with pages.opened(browser, folder / "compare.html", width=width, scheme=scheme) as page:
        assert page.locator("canvas").count() == 5
        assert page.evaluate(f"({pages.PAINTED})([...document.querySelectorAll('canvas')])")
        assert page.evaluate(pages.OVERFLOW) == 0
        assert page.locator("#changed").inner_text() == (
            "Set differently: simulator.itl 20ms, 22ms, 20ms."
        )
        assert page.locator("#said p").first.inner_text().startswith("B is slower: ITL p50 +")
        assert page.locator("#conditions .missed").inner_text() == "FAILED"
        assert page.locator("#runs tbody tr").count() == 3
        assert page.locator("#settings-table tbody tr").all_inner_texts() == [
            "simulator.itl\t20ms\t22ms\t20ms"
        ]
        assert page.locator("table.differences").count() == 2
        row = page.locator("table.differences").first.locator("tr", has_text="ITL p50")
        assert row.locator(".call").inner_text() == "worse"
        assert row.locator(".track").count() == 1


def test_scale_and_theme_draw_again(browser: "Browser", folder: Path) -> None:
    """Curves change with their axis, everything with the theme."""
    with pages.opened(browser, folder / "compare.html") as page:
        canvas = page.locator("canvas").first
        linear = canvas.evaluate(pages.PIXELS)
        page.locator("#log").click()
        logarithmic = canvas.evaluate(pages.PIXELS)
        assert linear != logarithmic
        page.locator("#theme").click()
        assert canvas.evaluate(pages.PIXELS) != logarithmic


def test_hovering_tells_every_run(browser: "Browser", folder: Path) -> None:
    """Curves and timeline have a line for each run in their tooltips."""
    with pages.opened(browser, folder / "compare.html") as page:
        for at in (0, 4):
            box = page.locator("canvas").nth(at).bounding_box()
            assert box is not None
            page.locator("canvas").nth(at).hover(position={"x": box["width"] / 2, "y": 60})
            page.locator(".tip").nth(0 if at == 0 else -1).wait_for()
            told = page.locator(".tip").all_inner_texts()[-1]
            assert all(letter in told for letter in "ABC")
