"""Facts about the structure: who may import whom, held against the table in the documentation."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src"
PACKAGE = "inferswarm"
ENGINE = ("gevent", "locust")
_ROW = re.compile(r"^\|\s*L(\d+)\s*\|([^|]*)\|")


@cache
def layers() -> dict[str, int]:
    """Top-level module or package to the number of its layer, from docs/architecture.md."""
    table: dict[str, int] = {}
    for line in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines():
        if row := _ROW.match(line):
            for name in re.findall(r"\w+", row[2]):
                assert name not in table, f"{name} stands in two rows"
                table[name] = int(row[1])
    return table


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in SOURCES.glob(f"{PACKAGE}/**/*.py"):
        parts = path.relative_to(SOURCES).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """All modules that a module's source imports, ours by their own name."""
    found = set()
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else str(node.module) for name in whole}
    return frozenset(found)


def ours(module: str) -> set[str]:
    """Those of our own modules that a module imports, its parts apart."""
    return {name for name in imports(module) if name in modules() and name != module}


def layer(module: str) -> int:
    """The layer of a module; the package itself, which only holds the version, is below all."""
    if module == PACKAGE:
        return 0
    top = module.split(".")[1]
    return layers()["cli"] if top == "__main__" else layers()[top]


def test_every_module_stands_in_the_table_of_layers() -> None:
    """The documentation knows every module, and no module that is none."""
    known = {name.split(".")[1] for name in modules() if "." in name} - {"__main__"}
    assert set(layers()) == known


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_point_down_the_layers(module: str) -> None:
    """A module imports only from its own layer or one with a lower number."""
    upward = {name for name in ours(module) if layer(name) > layer(module)}
    assert not upward


def test_no_modules_import_each_other_in_a_circle() -> None:
    """There is an order in which all modules can be read."""
    graph = TopologicalSorter({module: ours(module) for module in modules()})
    try:
        graph.prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("module", sorted(modules()))
def test_only_load_imports_the_engine(module: str) -> None:
    """Locust and gevent patch the process, so they stay in one place."""
    engine = {name for name in imports(module) if name.split(".")[0] in ENGINE}
    assert not engine or module.split(".")[1:2] == ["load"]


def test_nothing_outside_load_loads_the_engine() -> None:
    """Importing every other module, in a fresh process, loads neither gevent nor locust."""
    names = sorted(
        name
        for name in modules()
        if not name.startswith(f"{PACKAGE}.load") and not name.endswith("__main__")
    )
    assert len(names) > 30
    script = "\n".join(
        [f"import {name}" for name in names]
        + ["import sys", f"print([name for name in {ENGINE} if name in sys.modules])"]
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_stand_at_the_top(module: str) -> None:
    """No function imports anything: what a module needs is seen in its head."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    hidden = [
        inner.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert not hidden
