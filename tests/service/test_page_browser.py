"""Facts about the service's page in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inferswarm.service.access import Gate, Tokens
from tests.service.serving import service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
CHROMIUM = Path("/usr/bin/chromium")
RUNNER, READER = "runner-token-0123456789", "reader-token-0123456789"


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Debian's Chromium, headless."""
    if not CHROMIUM.exists():
        pytest.skip("needs Chromium: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield opened
        opened.close()


def watched(browser: "Browser", width: int) -> "tuple[Page, list[str]]":
    """A page, and what it complains of or asks of others."""
    page, seen = browser.new_page(viewport={"width": width, "height": 800}), []
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda one: None if "//127.0.0.1:" in one.url else seen.append(one.url))
    return page, seen


@pytest.mark.parametrize("width", [1280, 390])
def test_a_run_is_started_watched_and_stopped(
    browser: "Browser", tmp_path: Path, width: int
) -> None:
    """By the form, on a page that asks nobody else, complains of nothing and scrolls only down."""
    page, seen = watched(browser, width)
    with service(tmp_path) as served:
        page.goto(served.url)
        page.locator("input[name=users]").fill("3")
        page.locator("input[name=duration]").fill("20")
        page.locator("button[type=submit]").click()
        page.wait_for_url("**/page/runs/*")
        assert page.locator(".state span").inner_text() == "queued"
        assert "users: 3" in page.locator("pre").inner_text()
        page.locator("button.stop").click()
        page.wait_for_selector(".state .cancelled")
        page.goto(served.url)
        assert page.locator("#runs tbody tr").count() == 1
        assert "3 users, 20s" in page.locator("#runs").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert served.ask("GET", "/runs").json["runs"][0]["config"]["load"]["users"] == 3
    assert seen == []


def test_a_schedule_is_asked_for_by_its_own_fields(browser: "Browser", tmp_path: Path) -> None:
    """Those of users are gone then; what is wrong is said beside the form, which keeps its words."""
    page, _ = watched(browser, 1280)
    with service(tmp_path) as served:
        page.goto(served.url)
        page.locator("input[value=open]").check()
        assert not page.locator("input[name=users]").is_visible()
        page.locator("input[name=rate]").fill("7")
        page.locator("summary").click()
        page.locator("input[name=slo]").fill("ttft.p95<fast")
        page.locator("button[type=submit]").click()
        assert "ttft.p95<fast" in page.get_by_role("alert").inner_text()
        assert page.locator("input[name=rate]").input_value() == "7"
        page.locator("input[name=slo]").fill("ttft.p95<500ms")
        page.locator("button[type=submit]").click()
        page.wait_for_url("**/page/runs/*")
        assert "rate: 7/s" in page.locator("pre").inner_text()


def test_who_has_a_token_gives_it_once(browser: "Browser", tmp_path: Path) -> None:
    """A wrong one is refused; one for reading shows no form."""
    environment = {"INFERSWARM_RUN_TOKEN": RUNNER, "INFERSWARM_READ_TOKEN": READER}
    page, _ = watched(browser, 1280)
    with service(tmp_path, gate=Gate("127.0.0.1", Tokens.read(None, environment))) as served:
        page.goto(served.url)
        for token, forms in (("wrong-token-0123456789", None), (READER, 0), (RUNNER, 1)):
            if page.locator("input[name=token]").count() == 0:
                page.context.clear_cookies()
                page.goto(served.url)
            page.locator("input[name=token]").fill(token)
            page.locator("button[type=submit]").click()
            page.wait_for_load_state()
            if forms is None:
                assert "not known here" in page.get_by_role("alert").inner_text()
            else:
                assert page.locator("form[action='/page/start']").count() == forms
        (cookie,) = page.context.cookies()
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
