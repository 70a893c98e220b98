"""Facts about the web UI in a real browser: a run is started, watched, stopped and taken home."""

import json
import os
import re
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.command import started, summary_of
from tests.reports import test_html_browser as pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pages.pytestmark
browser = pages.browser

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
KEEP_PICTURES = "INFERSWARM_KEEP_PICTURES"
"""Set it to take the pictures of the documentation again."""
SIMULATED = (
    "--serve-metrics off --set simulator.ttft=120ms --set simulator.ttft_sigma=0.25 "
    "--set simulator.itl_sigma=0.2 --set simulator.error_rate=0.02 --set simulator.seed=3"
)
LOGIN = {"INFERSWARM_WEB_USER": "ann", "INFERSWARM_WEB_PASSWORD": "correct horse"}
MOVED = "was => document.querySelector('.chart canvas').toDataURL() !== was"
LIMIT_MS = 60_000


@contextmanager
def standing(folder: Path, *flags: str, **environment: str) -> Iterator[str]:
    """The address of `inferswarm run --web`, which starts nothing until it is asked."""
    words = ("run", "--web", "127.0.0.1:0", "--runs", str(folder / "runs"))
    with started(*words, *SIMULATED.split(), *flags, env={**os.environ, **environment}) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        yield found[0]
        process.terminate()
        process.communicate(timeout=60)


@contextmanager
def visited(browser: "Browser", url: str, width: int) -> Iterator["Page"]:
    """A page that asks nobody but the master, and has nothing to complain of."""
    size = {"width": width, "height": 900 if width > 600 else 844}
    context = browser.new_context(viewport=size, accept_downloads=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(LIMIT_MS)
    asked: list[str] = []
    troubles: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda told: troubles.append(told.text) if told.type != "log" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(url)
    yield page
    context.close()
    assert not [one for one in asked if not one.startswith((url, "blob:", "data:"))]
    assert troubles == []


def start(page: "Page", **values: str) -> None:
    """Fill the form and start; underscores stand for the first dot of an option."""
    for name, value in values.items():
        page.fill(f"[name='{name.replace('_', '.', 1)}']", value)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_selector(".chart canvas")


def number(page: "Page", tile: str) -> float:
    """What a tile shows."""
    return float(page.inner_text(f"#{tile}").split()[0].replace(",", ""))


def shown(page: "Page", name: str, width: int) -> None:
    """Take a picture for the documentation, when somebody wants that."""
    if KEEP_PICTURES in os.environ:
        page.mouse.move(0, 0)
        page.screenshot(path=PICTURES / f"{name}{'' if width > 600 else '-phone'}.png")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_run_by_hand_from_the_form_to_the_report(
    browser: "Browser", tmp_path: Path, width: int
) -> None:
    """Charts move while it goes, and show what `summary.json` says; its files can be taken home."""
    with standing(tmp_path) as url, visited(browser, url, width) as page:
        page.wait_for_selector("#start [name='target.url']")
        assert page.evaluate(pages.OVERFLOW) == 0
        start(page, load_users="8", load_duration="14s", request_max_output_tokens="32")
        was = page.locator(".chart canvas").first.evaluate(pages.PIXELS)
        page.wait_for_function(MOVED, arg=was)
        page.wait_for_timeout(5_000)
        assert page.inner_text("#state").lower() == "running"
        assert page.evaluate(f"({pages.PAINTED})([...document.querySelectorAll('.chart canvas')])")
        assert page.evaluate(pages.OVERFLOW) == 0
        shown(page, "web-ui", width)
        page.wait_for_selector("#downloads")
        (folder,) = (path for path in (tmp_path / "runs").iterdir() if path.is_dir())
        agree(page, folder, watched(page))
        take_home(page, folder)


def watched(page: "Page") -> list[dict[str, Any]]:
    """The points that the charts were drawn from."""
    told = page.evaluate("fetch('/inferswarm/view').then(answer => answer.json())")
    points: list[dict[str, Any]] = told["points"]
    return points


def agree(page: "Page", folder: Path, points: list[dict[str, Any]]) -> None:
    """Tiles show the summary's numbers; the charts' points lie around them."""
    summary = summary_of(folder)
    ttft, itl = summary.metrics["ttft"], summary.metrics["itl"]
    assert ttft.p50 is not None
    assert itl.p50 is not None
    for tile, value in (
        ("ttft", ttft.p50),
        ("itl", itl.p50),
        ("tokens", summary.throughput.output_tokens_per_s),
        ("requests", summary.throughput.requests_per_s),
    ):
        assert number(page, tile) == pytest.approx(value, rel=0.01)
    assert page.inner_text("#verdict").startswith("VALID" if summary.verdict.valid else "INVALID")
    medians = [point["latency"]["ttft"][0] for point in points if "ttft" in point["latency"]]
    assert len(medians) > 5
    assert statistics.median(medians) == pytest.approx(ttft.p50, rel=0.2)
    rates = sorted(point["output_tokens_per_s"] for point in points)
    assert rates[-1] == pytest.approx(summary.throughput.output_tokens_per_s, rel=0.3)
    assert sum(points[-1]["errors"].values()) <= summary.requests.failed
    kinds = page.locator("#kinds tbody tr").first.inner_text().split("\t")
    assert kinds[:2] == ["openai", "completions"]
    assert kinds[2] == f"{summary.requests.succeeded:,}"


def take_home(page: "Page", folder: Path) -> None:
    """What is downloaded is what lies in the run's folder."""
    for name in ("summary.json", "requests.csv", "report.html"):
        with page.expect_download() as waited:
            page.click(f"#downloads a[download='{name}']")
        assert waited.value.path().read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("width", [1280, 390])
def test_behind_a_login_a_run_is_edited_and_stopped(
    browser: "Browser", tmp_path: Path, width: int
) -> None:
    """Wrong words let nobody in; what was measured until the stop is reported."""
    with standing(tmp_path, "--web-login", **LOGIN) as url:
        context = browser.new_context()
        stranger = context.new_page()
        stranger.goto(url)
        enter(stranger, "wrong horse")
        stranger.wait_for_selector("text=wrong user or password")
        assert context.request.get(f"{url}/inferswarm/options").status == 401
        context.close()
        with visited(browser, url, width) as page:
            assert page.url == f"{url}/login"
            assert page.evaluate(pages.OVERFLOW) == 0
            enter(page, LOGIN["INFERSWARM_WEB_PASSWORD"])
            page.wait_for_selector("#start [name='target.url']")
            start(page, load_users="4", load_duration="10m", request_max_output_tokens="16")
            page.click("#edit")
            page.fill("[name=users]", "6")
            page.get_by_role("button", name="Change", exact=True).click()
            page.wait_for_function(
                "document.querySelector('#monitor').innerText.includes('\\n6\\n')"
            )
            assert page.evaluate(pages.OVERFLOW) == 0
            begun = time.monotonic()
            page.get_by_role("button", name="Stop", exact=True).click()
            page.wait_for_selector("#downloads")
            assert time.monotonic() - begun < 60
            (folder,) = (path for path in (tmp_path / "runs").iterdir() if path.is_dir())
            assert json.loads((folder / "run.json").read_bytes())["reason"] == "stopped"
            assert number(page, "ttft") == pytest.approx(
                summary_of(folder).metrics["ttft"].p50, 0.01
            )
            page.get_by_role("button", name="Log out").click()
            page.wait_for_selector("[name=password]")


def enter(page: "Page", password: str) -> None:
    """Fill the login form and send it."""
    page.fill("[name=user]", LOGIN["INFERSWARM_WEB_USER"])
    page.fill("[name=password]", password)
    page.get_by_role("button", name="Log in").click()


def test_a_refusal_stands_at_its_field(browser: "Browser", tmp_path: Path) -> None:
    """In words, and nothing is started; the other way of load has fields of its own."""
    with standing(tmp_path) as url:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(url)
        page.wait_for_selector("#start [name='target.url']")
        page.fill("[name='load.users']", "-3")
        page.get_by_role("button", name="Start", exact=True).click()
        page.wait_for_selector("#refusal")
        assert "load.users was given -3" in page.inner_text("#refusal")
        assert page.get_attribute("[name='load.users']", "aria-invalid") == "true"
        assert page.get_attribute("[name='load.duration']", "aria-invalid") == "false"
        page.get_by_role("button", name="Arrivals at a rate").click()
        assert page.locator("[name='load.users']").count() == 0
        page.click("#all")
        page.fill("#all input >> nth=0", "first_byte")
        assert page.locator("#all [name='timeouts.first_byte']").count() == 1
        assert page.locator("#all [name='target.api_key_file']").count() == 0
        start(page, arrivals_rate="6/s", load_duration="3s", request_max_output_tokens="8")
        page.wait_for_selector("#downloads")
        page.close()
        (folder,) = (path for path in (tmp_path / "runs").iterdir() if path.is_dir())
        assert summary_of(folder).config["arrivals"]["rate"] == "6/s"
