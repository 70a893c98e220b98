"""Facts about dashboards and rules: fresh, valid, and of metrics that exist."""

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from inferswarm.exposition.declared import OURS
from inferswarm.telemetry.declared import shipped
from inferswarm.telemetry.promql import counter
from tests.prometheus import promtool

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy" / "dashboards"
_APART = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|ignoring) *\([^)]*\)")
_NAME = re.compile(r"\b[a-zA-Z_:][\w:]*\b(?! *\()")
_WORDS = {"and", "or", "unless", "bool"}


def generator() -> ModuleType:
    """The tool that writes them."""
    path = ROOT / "tools" / "generate_dashboards.py"
    spec = importlib.util.spec_from_file_location("generate_dashboards", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def expressions(value: Any) -> Iterator[str]:
    """Every PromQL in a file."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("expr", "prometheusQuery"):
                yield inner
            else:
                yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)


def names(expression: str) -> set[str]:
    """The metrics that an expression reads."""
    return set(_NAME.findall(_APART.sub("", expression))) - _WORDS


def existing(servers: list[str]) -> set[str]:
    """All names that a scrape of us or of the servers may hold."""
    found = set()
    for one in OURS:
        parts = ("_bucket", "_sum", "_count") if one.kind == "histogram" else ("",)
        found |= {one.name + part for part in parts}
    for server in servers:
        for wanted in shipped(server):
            for name in (*wanted.of, *wanted.to):
                found |= {name, counter(name)}
                found |= {name + part for part in ("_bucket", "_sum", "_count")}
            found |= names(wanted.promql)
    return found


def test_names_are_found_in_an_expression() -> None:
    """Neither labels nor functions nor words of the language."""
    found = names('sum by (le) (rate(a_b:c{d="e"}[60s])) / 2 > 0.5 and on (f) g{h=~"i"} == 1')
    assert found == {"a_b:c", "g"}


def test_the_files_are_fresh() -> None:
    """As the tool would write them."""
    tool = generator()
    assert not tool.stale(FOLDER, tool.files())
    assert len(list(FOLDER.glob("*.json"))) == 12


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.*")), ids=lambda path: path.name)
def test_only_metrics_that_exist_are_named(path: Path) -> None:
    """Ours as declared, the server's as `wanted.yaml` has them."""
    text = path.read_text("utf-8")
    content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    asked = list(expressions(content))
    assert len(asked) >= 5
    server = path.stem.rpartition("-")[2]
    known = existing([] if server in ("client", "rules") else [server])
    for one in asked:
        assert names(one)
        assert names(one) <= known, one


def test_the_client_stands_beside_the_server() -> None:
    """Left and right, with the GPU among the server's."""
    for server in ("vllm", "tgi", "triton"):
        panels = json.loads((FOLDER / f"grafana-{server}.json").read_text())["panels"]
        sides = {panel["gridPos"]["x"]: [] for panel in panels}  # type: dict[int, list[str]]
        for panel in panels:
            sides[panel["gridPos"]["x"]].append(panel["title"])
        assert all(title.startswith("Client: ") for title in sides[0])
        assert all(title.startswith("Server: ") for title in sides[12])
        assert any("GPU" in title for title in sides[12])
        tiles = json.loads((FOLDER / f"cloud-monitoring-{server}.json").read_text())
        assert len(tiles["mosaicLayout"]["tiles"]) == len(panels)


@pytest.mark.slow
def test_promtool_finds_nothing_wrong_with_the_rules(tmp_path: Path) -> None:
    """Nor with any expression of a dashboard, given as a rule."""
    promtool("check", "rules", *sorted(FOLDER.glob("*.yaml")))
    asked = {
        one: None
        for path in FOLDER.glob("*.json")
        for one in expressions(json.loads(path.read_text()))
    }
    rules = [{"record": f"r{at}", "expr": one} for at, one in enumerate(asked)]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", tmp_path / "all.yaml")
