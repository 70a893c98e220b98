"""Take the pictures of the documentation again: `python tools/take_pictures.py`.

Runs `inferswarm run` for about 20 s against the built-in simulator with varied timing and a few
errors, keeps the live view as it was drawn near the end of the load, and photographs the report page
in Chromium. Needs the development requirements and `/usr/bin/chromium`.
"""

import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI

from inferswarm.cli import run
from inferswarm.cli.main import main
from inferswarm.cli.view import LiveView
from inferswarm.config.tree import RunConfig

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
CHROMIUM = "/usr/bin/chromium"
RUN = (
    "run --require-valid --users 48 --spawn-rate 6/s --duration 20s --max-output-tokens 96 "
    "--set simulator.ttft=180ms --set simulator.ttft_sigma=0.3 --set simulator.itl_sigma=0.35 "
    "--set simulator.max_concurrency=40 --set simulator.error_rate=0.012 "
    "--set simulator.hangup_rate=0.004 --set simulator.seed=7"
)
DESKTOP, PHONE = (1440, 1620), (390, 1300)
SHOWN_AFTER_S = 15.0
LIMIT_BYTES = 300_000
_FONTS = re.compile(r"@font-face \{.*?\}\n?", re.DOTALL)


class KeptView(LiveView):
    """The live view, drawn on a console of its own; keeps the frame `SHOWN_AFTER_S` into the load."""

    frame = ""

    def __init__(self, console: Console, load: RunConfig) -> None:
        """As `LiveView`; the console given stays untouched."""
        self._kept = Console(
            record=True, force_terminal=True, width=100, height=40, file=StringIO()
        )
        self._until_s = 0.0
        super().__init__(self._kept, load)

    def show(self, event: dict[str, Any]) -> None:
        """Draw, and keep what was drawn for a snapshot."""
        if event["event"] == "started":
            self._until_s = time.monotonic() + SHOWN_AFTER_S
        self._kept.export_text(clear=True)
        super().show(event)
        if event["event"] == "snapshot" and time.monotonic() < self._until_s:
            KeptView.frame = self._kept.export_svg(title="inferswarm run", theme=MONOKAI)


def load(out: Path) -> str:
    """Carry the run out into a new folder; its live view as SVG.

    Raises RuntimeError for a run that is not VALID, as on a machine that is busy otherwise.
    """
    with patch.object(run, "view_for", KeptView):
        code = main([*RUN.split(), "--out", str(out)])
    if code or not KeptView.frame:
        raise RuntimeError(f"the run ended with code {code}")
    # Fonts from elsewhere would be fetched by whoever looks at the picture.
    return _FONTS.sub("", KeptView.frame)


@contextmanager
def opened(report: Path, size: tuple[int, int]) -> Iterator[Page]:
    """The report in a browser window of this size."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.goto(report.as_uri())
        page.wait_for_timeout(1_500)  # charts draw themselves in
        yield page
        browser.close()


def photograph(report: Path, size: tuple[int, int], picture: Path) -> None:
    """The top of the page as PNG; raises ValueError when the file is too large to ship."""
    with opened(report, size) as page:
        page.screenshot(path=picture)
    if picture.stat().st_size > LIMIT_BYTES:
        raise ValueError(f"{picture} has {picture.stat().st_size:,} bytes")


def take() -> None:
    """All pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        (PICTURES / "live.svg").write_text(load(out), encoding="utf-8")
        photograph(out / "report.html", DESKTOP, PICTURES / "report.png")
        photograph(out / "report.html", PHONE, PICTURES / "report-phone.png")


if __name__ == "__main__":
    take()
    sys.exit(0)
