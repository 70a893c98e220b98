"""Terraform on deploy/terraform, with stub providers of real schemas, and what its files declare."""

import contextlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "deploy" / "terraform"
LIMIT_S = 600.0
CONTEXT = ("src", "requirements", "pyproject.toml", "setup.py", "README.md", "LICENSE")
"""What the image's digest reads besides deploy/."""

sys.path.insert(0, str(ROOT / "tools" / "terraform"))
STUBS: Any = importlib.import_module("stubs")


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and all that it said."""

    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Terraform:
    """Terraform's command with an environment of its own."""

    environment: Mapping[str, str]

    def __call__(self, *words: str | Path, module: Path = MODULE, **more: str) -> Done:
        """Runs it in a module; `more` is added to the environment."""
        done = subprocess.run(
            ["terraform", f"-chdir={module}", *words],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            env=os.environ | dict(self.environment) | more,
        )
        return Done(done.returncode, done.stdout)

    def planned(self, folder: Path, *files: Path) -> dict[str, Any]:
        """A plan's resources by address, and its outputs under `output.NAME`."""
        plan = folder / "plan"
        words = [f"-var-file={file}" for file in files]
        done = self("plan", "-input=false", "-no-color", f"-out={plan}", *words)
        assert done.code == 0, done.said
        shown = json.loads(self("show", "-json", plan).said)["planned_values"]
        outputs = {f"output.{name}": one["value"] for name, one in shown["outputs"].items()}
        resources = shown["root_module"]["resources"]
        return {one["address"]: one["values"] for one in resources} | outputs


def needed() -> None:
    """Skips, in words, where Terraform itself is missing."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not here: install 1.11 or newer from its makers")


@contextlib.contextmanager
def stubbed(home: Path, **answers: Any) -> Iterator[Terraform]:
    """Terraform with stubs, and a kubeconfig in `home`; skips, in words, where there are none."""
    needed()
    kubeconfig = home / ".kube" / "config"
    kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n")
    try:
        with STUBS.running({**STUBS.ANSWERS, **answers}) as environment:
            terraform = Terraform({**environment, "HOME": str(home)})
            done = terraform("init", "-input=false", "-no-color")
            assert done.code == 0, done.said
            yield terraform
    except STUBS.StubError as error:
        pytest.skip(f"no schemas of the providers: {error} (needs npm and a package index)")


def copied(folder: Path) -> Path:
    """The module in a tree of its own, whose files a test may change."""
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    for name in CONTEXT:
        (folder / name).symlink_to(ROOT / name)
    return folder / "deploy" / "terraform"


def variables() -> dict[str, str]:
    """The text of each variable's block."""
    text = (MODULE / "variables.tf").read_text(encoding="utf-8")
    return {
        found[1]: found[2] for found in re.finditer(r'variable "(\w+)" \{(.*?)^\}$', text, _ALL)
    }


def messages(block: str) -> list[str]:
    """What a variable's validations say, in their order."""
    return [
        json.loads(one) for one in re.findall(r"error_message = (\".*\")$", block, re.MULTILINE)
    ]


def described(block: str) -> str:
    """What a variable's description says."""
    found = re.search(r"description = (\".*\")$", block, re.MULTILINE)
    assert found, block
    text: str = json.loads(found[1])
    return text


@dataclass(frozen=True, slots=True)
class Run:
    """One `run` block of a test file: the variables it sets, as written, and all of its text."""

    name: str
    variables: str
    text: str

    def sets(self, variable: str) -> bool:
        """Whether it gives this variable a value."""
        return re.search(rf"^\s*{variable}\s+=", self.variables, _ALL) is not None

    @property
    def refused_variable(self) -> str:
        """Of a run named refused_VARIABLE_N: which variable it is about."""
        found = re.fullmatch(r"refused_(\w+?)_\d+(_[a-z]\w*)?", self.name)
        assert found, self.name
        return found[1]


def refused() -> list[Run]:
    """The runs whose variables are refused by a validation."""
    return [run for run in runs("refusals") if run.name.startswith("refused_")]


def runs(name: str) -> list[Run]:
    """The `run` blocks of tests/NAME.tftest.hcl."""
    text = _tests(name)
    found = re.finditer(r'^run "(\w+)" \{(.*?)^\}$', text, _ALL)
    return [Run(one[1], _first(r"^  variables \{(.*?)^  \}$", one[2]), one[2]) for one in found]


def usual_variables(name: str) -> str:
    """The variables that a test file gives to all of its runs, as written."""
    return _first(r"^variables \{(.*?)^\}$", _tests(name))


def _tests(name: str) -> str:
    return (MODULE / "tests" / f"{name}.tftest.hcl").read_text(encoding="utf-8")


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, _ALL)
    return found[1] if found else ""


_ALL = re.DOTALL | re.MULTILINE
