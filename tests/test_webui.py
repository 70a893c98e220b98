"""Facts about the web UI's built pages and the sources that they are of."""

import json
import re
import runpy
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOL = runpy.run_path(str(ROOT / "tools" / "webui.py"))
BUILT: Path = TOOL["BUILT"]
SOURCES: Path = TOOL["SOURCES"]


def test_what_is_built_is_of_the_sources() -> None:
    """Whoever changes a source builds again."""
    assert TOOL["stale"](SOURCES, BUILT) == "", "make webui"


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("webui/src/App.tsx", "the sources are others"),
        ("webui/package.json", "the sources are others"),
        ("built/index.html", "built files were changed"),
    ],
)
def test_any_change_is_noticed(tmp_path: Path, file: str, why: str) -> None:
    """Of a source, of what is pinned, and of what was built."""
    shutil.copytree(SOURCES, tmp_path / "webui", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(BUILT, tmp_path / "built")
    assert TOOL["stale"](tmp_path / "webui", tmp_path / "built") == ""
    (tmp_path / file).write_text("changed", "utf-8")
    assert TOOL["stale"](tmp_path / "webui", tmp_path / "built") == why


def test_pages_hand_over_what_the_master_says() -> None:
    """Locust fills a template, and needs a login page beside it."""
    assert "window.templateArgs = {{ template_args|tojson }}" in (BUILT / "index.html").read_text()
    assert "window.authArgs" in (BUILT / "auth.html").read_text()


def test_pages_name_no_other_machine() -> None:
    """Everything that they load lies beside them."""
    for page in BUILT.glob("*.html"):
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.read_text())
        assert loaded
        assert all(one.startswith("./assets/") for one in loaded)


def test_everything_is_pinned_and_no_registry_is_named() -> None:
    """One version of each package, checked by hash, from wherever the builder gets packages."""
    asked = json.loads((SOURCES / "package.json").read_text())
    versions = {**asked["dependencies"], **asked["devDependencies"]}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
    lock = json.loads((SOURCES / "package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert all(one.get("integrity") for one in packages.values())
    assert not any("resolved" in one for one in packages.values())


def test_the_pieces_are_of_the_locust_that_we_run_on() -> None:
    """Another Locust may need other pieces: look at its web UI before this changes."""
    asked = json.loads((SOURCES / "package.json").read_text())
    pair = (version("locust").rpartition(".")[0], asked["dependencies"]["locust-ui"])
    assert pair == ("2.47", "2.43.4")
