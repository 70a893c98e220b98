"""Facts about how pages are put together: whole, closed to the network, deaf to what is in them."""

import hashlib
import json
from base64 import b64encode
from importlib.resources import files

import pytest

from inferswarm.reports.fill import asset, fill
from tests.reports.test_html import Reader

PAGES = [path.name.removesuffix(".html") for path in (files("inferswarm.reports") / "page").iterdir()
         if path.name.endswith(".html") and path.name != "frame.html"]  # fmt: skip
SCRIPTS = ["echarts.common.min.js", "common.js", *(f"{name}.js" for name in PAGES)]


@pytest.mark.parametrize("name", PAGES)
def test_security_policy_names_exactly_the_scripts_that_are_there(name: str) -> None:
    """What runs is what the policy's digests allow, and the rest is refused."""
    page = fill(name, "a title", {"view": b"{}"})
    metas = [attrs for tag, attrs in Reader(page).tags if tag == "meta"]
    named = {attrs.get("http-equiv"): str(attrs.get("content")) for attrs in metas}
    policy = named["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    style = page.partition("<style>")[2].partition("</style>")[0]
    scripts = [asset(one) for one in ("echarts.common.min.js", "common.js", f"{name}.js")]
    for text in (*scripts, style):
        assert text in page
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.count("sha256-") == 4


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_cannot_end_their_own_element(name: str) -> None:
    """An inlined script holds neither an end tag nor the start of a comment."""
    assert "</script" not in asset(name).lower()
    assert "<!--" not in asset(name)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_its_own_style_only(name: str) -> None:
    """A style of its own stands behind the common one, and of the first page nothing twice."""
    page = fill(name, "a title", {})
    assert page.count(asset("page.css")) == 1


def test_data_and_title_stay_text() -> None:
    """Markup and placeholders in what is shown make no element and are not filled."""
    data = json.dumps({"model": "{{library}}</script><img src=x>"}).encode()
    page = fill("page", "</title><img> {{style}}", {"view": data})
    reader = Reader(page)
    assert "img" not in [tag for tag, _ in reader.tags]
    assert json.loads(reader.texts["scriptview"]) == json.loads(data)
    assert "<title>&lt;/title&gt;&lt;img&gt; {{style}}</title>" in page


def test_page_carries_the_licences_of_what_it_embeds() -> None:
    """Whoever is sent the page is sent the notices too."""
    page = fill("page", "", {})
    assert "Copyright 2017-2026 The Apache Software Foundation" in page
    assert "Redistribution and use in source and binary forms" in page


def test_vendored_files_are_those_recorded() -> None:
    """The chart library and its licences are the published bytes, by digest."""
    folder = files("inferswarm.reports") / "page"
    record = json.loads((folder / "vendor.json").read_text())
    texts = {name: (folder / name).read_bytes() for name in record["sha256"]}
    found = {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    assert found == record["sha256"]
    assert {"echarts.common.min.js", "echarts.NOTICE.txt", "echarts.LICENSE.txt"} <= found.keys()
