"""Facts about the documentation: what it shows exists, parses, runs, and is not stale."""

import argparse
import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import inferswarm
from inferswarm import errors
from inferswarm.cli.arguments import configuration
from inferswarm.cli.main import COMMANDS, parser
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.config.sources import Given, from_file, options_of, resolve
from inferswarm.config.tree import RunConfig
from inferswarm.otel.declared import METRICS
from inferswarm.simulator.process import RunningSimulator
from tests.end_to_end.command import command

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "inferswarm"
GENERATOR = ROOT / "tools" / "generate_docs.py"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
FILES = {
    "config.yaml",
    "run.json",
    "client.json",
    "summary.json",
    "report.html",
    "run.log",
    "summary.schema.json",
    "tokenizer.json",
    "tokenizer.model",
    "compare.json",
    "compare.html",
    "manifest.json",
    "metrics.json",
    "service.db",
    "prompts.txt",
    "inferswarm.format",
    "inferswarm.damaged_lines",
    "inferswarm.unreadable_parts",
}
"""Files that are named like something in the code, but are what a run leaves."""
_FENCE = re.compile(r"(?:^<!-- (\w+) -->\n)?^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_DOTTED = re.compile(r"[a-z_]\w*(\.\w+)+")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@cache
def text(page: Path) -> str:
    """A page."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str, mark: str | None = None) -> list[str]:
    """Fenced blocks of a language; with `mark`, those that follow a comment of that name."""
    return [
        body
        for found, kind, body in _FENCE.findall(text(page))
        if kind == language and mark in (None, found)
    ]


def shown(page: Path, mark: str | None = None) -> list[list[str]]:
    """The arguments of every `inferswarm` command in a page's shell blocks."""
    lines = "\n".join(blocks(page, "sh", mark)).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[1:] for line in words if line[:1] == ["inferswarm"]]


def prose(page: Path) -> list[str]:
    """What stands in backticks outside of blocks."""
    return _CODE.findall(_FENCE.sub("", text(page)))


def anchors(page: Path) -> set[str]:
    """What a link may name after its #."""
    return {
        re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-")
        for title in _HEADING.findall(text(page))
    }


def generate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The generator of the documents."""
    words = [sys.executable, GENERATOR, *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)


def parsed(arguments: list[str]) -> argparse.Namespace:
    """What the real command line makes of them; fails for what it does not know, or not in full."""
    known, unknown = parser().parse_known_args(arguments)
    flags = {word.split("=")[0] for word in arguments if word.startswith("--")}
    assert not unknown, f"inferswarm {shlex.join(arguments)}"
    assert flags <= set(known.parser._option_string_actions), f"a flag cut short: {arguments}"
    return known


def subcommands() -> dict[str, argparse.ArgumentParser]:
    """The parser of each sub-command."""
    found = [act for act in parser()._actions if isinstance(act, argparse._SubParsersAction)]
    return dict(found[0].choices)


def flags_of(one: argparse.ArgumentParser) -> Iterator[str]:
    """Every flag of a parser and of those below it."""
    yield from one._option_string_actions
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from flags_of(sub)


def test_generated_parts_are_fresh() -> None:
    """Tables and schema say what the code declares: else run `make docs`."""
    done = generate("--check")
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_a_stale_part_is_named_and_put_right(tmp_path: Path) -> None:
    """`--check` fails for a table that was changed by hand, and writing restores all of the page."""
    for page in [*DOCS.glob("*.md"), DOCS / "summary.schema.json"]:
        shutil.copy(page, tmp_path)
    page = tmp_path / "metrics.md"
    page.write_text(text(DOCS / "metrics.md").replace("| `ttft` |", "| `tft` |"))
    checked = generate("--check", "--docs", tmp_path)
    changed = page.read_text()
    generate("--docs", tmp_path)

    assert checked.returncode == 1
    assert checked.stdout == f"{page}: stale: run `make docs`\n"
    assert changed != text(DOCS / "metrics.md") == page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture is a file of the project, and its anchor a heading there."""
    for link in _LINK.findall(_FENCE.sub("", text(page))):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_shown_parse(page: Path) -> None:
    """Every `inferswarm` command in a block is accepted, options and their values included."""
    for arguments in shown(page):
        given = parsed(arguments)
        if arguments[0] == "run":
            given.config = None
            configuration(RunConfig, given)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_named_in_sentences_exist(page: Path) -> None:
    """A sub-command is one of ours, and what follows it parses."""
    for code in prose(page):
        name, *arguments = shlex.split(code) if code.startswith("inferswarm ") else [code]
        if name == "inferswarm" and arguments:
            assert arguments[0] in {command.NAME for command in COMMANDS}, code
            if arguments[1:]:
                parsed(arguments)


def test_options_named_in_sentences_exist() -> None:
    """What looks like a flag is one of ours, or one of a program that is spoken of beside it."""
    flags = set(flags_of(parser()))
    others = {
        "--master",
        "--worker",
        "--docs",
        "--check",
        "--strict",
        "--enable-prompt-tokens-details",
    }
    for page in PAGES:
        for code in prose(page):
            if code.startswith("--"):
                assert code.split()[0] in flags | others, f"{page.name}: {code}"


def test_commands_marked_as_running_run(tmp_path: Path) -> None:
    """They do what they say against a simulator in place of the server, for a second."""
    lines = [arguments for page in PAGES for arguments in shown(page, "runs")]
    assert [line[0] for line in lines] == ["run", "run", "report", "run"]
    quick = SimulatorOptions.model_validate({"ttft": "10ms", "itl": "1ms"})
    with RunningSimulator(quick) as simulator:
        for arguments in lines:
            words = [word.replace("http://localhost:8000", simulator.url) for word in arguments]
            words = ["1s" if word == "60s" else word for word in words]
            runs = sorted(map(str, (tmp_path / "runs").glob("*")))
            words = [found for word in words for found in (runs if word == "runs/*" else [word])]
            ended = command(*words, cwd=tmp_path)
            assert ended.code == 0, ended.err
            assert "requests succeeded" in ended.out


@pytest.mark.slow
def test_examples_of_goals_end_as_they_say(tmp_path: Path) -> None:
    """Those marked as met end with 0, those marked as missed with 1, in the order of the page."""
    page = DOCS / "goals.md"
    lines = [
        (0 if found == "met" else 1, shlex.split(body.replace("\\\n", " ")))
        for found, kind, body in _FENCE.findall(text(page))
        if found in {"met", "missed"}
    ]
    assert [(code, words[1]) for code, words in lines] == [
        (0, "run"),
        (1, "run"),
        (1, "report"),
        (0, "report"),
    ]
    for code, words in lines:
        ended = command(*words[1:], cwd=tmp_path)
        assert ended.code == code, ended.out + ended.err
        assert ("MISSED" in ended.out) == (code == 1)


@pytest.mark.slow
def test_examples_of_comparisons_end_as_they_say(tmp_path: Path) -> None:
    """Two runs that differ are compared; a condition that holds ends with 1."""
    page = DOCS / "compare.md"
    lines = [(0, words) for words in shown(page, "compares")]
    lines += [(1, words) for words in shown(page, "worse")]
    assert [(code, words[0]) for code, words in lines] == [
        *[(0, "run"), (0, "run"), (0, "compare")],
        (1, "compare"),
    ]
    for code, words in lines:
        ended = command(*words, cwd=tmp_path)
        assert ended.code == code, ended.out + ended.err


def test_the_example_file_is_accepted(tmp_path: Path) -> None:
    """The configuration in the documents resolves, and sets what it names."""
    (block,) = blocks(DOCS / "configuration.md", "yaml")
    path = tmp_path / "bench.yaml"
    path.write_text(block)
    assert resolve(RunConfig, from_file(path)).load.users == 32


def test_the_locust_file_has_a_user_with_valid_settings() -> None:
    """The three lines compile, and their settings are options of a run."""
    (block,) = blocks(DOCS / "locust.md", "python", "locustfile")
    assert len(block.splitlines()) == 3
    values = [node.value for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Assign)]
    settings = ast.literal_eval(values[0])
    assert resolve(RunConfig, [Given(key, value, "file") for key, value in settings.items()])


def members(module: Path, names: list[str]) -> bool:
    """Whether a module's source defines this name, or this name within a class."""
    body: list[ast.stmt] = ast.parse(module.read_text(encoding="utf-8")).body
    for name in names:
        found = [node for node in body if name in defined(node)]
        if not found:
            return False
        body = found[0].body if isinstance(found[0], ast.ClassDef) else []
    return True


def defined(node: ast.stmt) -> list[str]:
    """The names that a statement gives to something."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return [target.id for target in targets if isinstance(target, ast.Name)]


def resolves(dotted: str) -> bool:
    """Whether a dotted name is a module of the package, or something that one defines."""
    parts = dotted.removeprefix("inferswarm.").split(".")
    place = PACKAGE
    while parts and (place / parts[0]).is_dir():
        place /= parts.pop(0)
    if parts and (place / f"{parts[0]}.py").is_file():
        return members(place / f"{parts[0]}.py", parts[1:])
    return not parts or (
        (place / "__init__.py").is_file() and members(place / "__init__.py", parts)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_of_the_code_exist(page: Path) -> None:
    """Every dotted name that begins with a module of ours is a module, class, function or option."""
    keys = {option.key for option in options_of(RunConfig)}
    keys |= {name for one in METRICS for name in (one.name, one.attribute)}
    tops = {path.stem for path in PACKAGE.iterdir()} | {"inferswarm"}
    for code in prose(page):
        ours = _DOTTED.fullmatch(code) and code.split(".")[0] in tops
        rights = code.startswith("storage.objects.")  # of Google's storage, not of ours
        if ours and code not in keys and code not in FILES and not rights:
            assert resolves(code), code


def test_a_name_that_is_gone_would_be_found() -> None:
    """The check tells what exists from what does not, down to a method."""
    there = ("load.engine.Engine.ask", "inferswarm.metrics.METRICS", "adapters.Adapter", "config")
    assert all(map(resolves, there))
    gone = ("load.engine.Engine.asks", "load.motor", "adapters.Adaptor", "metrics.METRIC.name")
    assert not any(map(resolves, gone))


def test_files_named_in_sentences_exist() -> None:
    """What has a slash and an ending is a file of the project or of the package."""
    for page in PAGES:
        for code in prose(page):
            if re.fullmatch(r"[\w/-]+/[\w.-]+\.(py|in|toml|md|json)", code):
                places = (ROOT / code, PACKAGE / code)
                assert any(place.exists() for place in places), f"{page.name}: {code}"


def test_every_dependency_has_its_reason() -> None:
    """Every package that is asked for stands in the list, and the lists agree with each other."""
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    extras = {
        re.split(r"[<>=\[]", one)[0]
        for extra in project["optional-dependencies"].values()
        for one in extra
    }
    asked = {
        kind: {
            re.split(r"[<>=\[]", line)[0]
            for line in text(ROOT / "requirements" / f"{kind}.in").splitlines()
            if line and not line.startswith(("#", "-"))
        }
        for kind in ("run", "dev", "deploy", "terraform")
    }
    assert {re.split(r"[<>=]", line)[0] for line in project["dependencies"]} == asked["run"]
    named = set(prose(DOCS / "dependencies.md"))
    assert set().union(*asked.values(), extras) - {"inferswarm"} <= named


def test_the_first_commands_are_demo_and_test() -> None:
    """A stranger's first two steps, both targets of the Makefile, as is every target named."""
    first = [
        line.split("#")[0].strip() for line in blocks(ROOT / "README.md", "sh")[0].splitlines()
    ]
    assert first[:2] == ["make demo", "make test"]
    targets = set(re.findall(r"^([\w-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    named = {code for page in PAGES for code in prose(page) if re.fullmatch(r"make [a-z-]+", code)}
    assert {code.removeprefix("make ") for code in {*named, *first}} <= targets


def test_the_changelog_begins_with_this_version() -> None:
    """The newest entry is the package's version."""
    newest = re.findall(r"^## (\S+)", text(ROOT / "CHANGELOG.md"), re.MULTILINE)[0]
    assert newest == inferswarm.__version__


def test_every_exit_code_is_explained() -> None:
    """The table of exit codes has those that the code declares, no more."""
    declared = {str(value) for name, value in vars(errors).items() if name.startswith("EXIT_")}
    table = text(DOCS / "concepts.md").partition("## Exit codes")[2]
    assert set(re.findall(r"^\| (\d+) \|", table, re.MULTILINE)) == declared


def test_flags_of_run_are_counted(record_property: Callable[[str, object], None]) -> None:
    """How many options `run` shows is reported, so that growth is seen; nothing limits it here."""
    flags = [action for action in subcommands()["run"]._actions if action.option_strings]
    record_property("flags_of_run", len(flags))
    assert flags


def test_pictures_are_small_and_fetch_nothing() -> None:
    """Each is below 300 kB, and the drawing names no font or file of another server."""
    pictures = sorted((DOCS / "pictures").iterdir())
    names = {"live.svg", "memory.svg", "report.png", "report-phone.png"}
    names |= {"web-ui.png", "web-ui-phone.png"}
    assert {picture.name for picture in pictures} == names
    assert all(picture.stat().st_size < 300_000 for picture in pictures)
    drawing = text(DOCS / "pictures" / "live.svg")
    assert "url(http" not in drawing
    assert "href" not in drawing
