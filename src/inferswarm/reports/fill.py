"""A page as one file: `frame.html` around a page's own body, style and script, with its data.

A page NAME is `NAME.html` (what stands between the top and the footer), `NAME.js` and, if it needs
one, `NAME.css`. Every page has `common.js` and `page.css` too. Its data are blocks of JSON that the
script puts in as text, so that nothing a server sent is ever read as markup.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

_FOLDER = files("inferswarm.reports") / "page"
_LICENCES = ("echarts.NOTICE", "echarts.LICENSE", "zrender.LICENSE", "d3.LICENSE", "tslib.LICENSE")
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def fill(name: str, title: str, data: dict[str, bytes]) -> str:
    """The whole page as text: it needs no other file and makes no request.

    `title` is plain text; `data` is encoded JSON by the id of the block that will hold it.
    """
    scripts = {
        "library": asset("echarts.common.min.js"),
        "common": asset("common.js"),
        "script": asset(f"{name}.js"),
    }
    style = _style(name)
    parts = {
        "csp": security_policy(scripts.values(), style),
        "title": html.escape(title),
        "style": style,
        "body": asset(f"{name}.html"),
        "licences": html.escape(licences()),
        "echarts_version": json.loads(asset("vendor.json"))["packages"]["echarts"],
        "data": "\n".join(_block(block, encoded) for block, encoded in data.items()),
        **scripts,
    }
    return _PLACEHOLDER.sub(lambda found: parts[found[1]], asset("frame.html"))


@cache
def asset(name: str) -> str:
    """One file of the folder of pages."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def _style(name: str) -> str:
    own = f"{name}.css"
    more = asset(own) if own != "page.css" and (_FOLDER / own).is_file() else ""
    return asset("page.css") + more


def licences() -> str:
    """Of the chart library and of what is in it; every page that holds it carries them."""
    return "\n\n".join(asset(f"{name}.txt").strip() for name in _LICENCES)


def _block(name: str, encoded: bytes) -> str:
    return f'<script type="application/json" id="{name}">{embed(encoded)}</script>'


def embed(encoded: bytes) -> str:
    """JSON that cannot end the script element it stands in."""
    return encoded.decode().replace("<", "\\u003c")


def security_policy(scripts: Iterable[str], style: str) -> str:
    """A Content-Security-Policy under which only these inline texts run, and nothing is fetched."""
    allowed = " ".join(_digest(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
