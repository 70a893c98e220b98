"""Builds the web UI's pages: `python tools/webui.py [--check]`.

Sources are in `webui/`, what is built in `src/inferswarm/load/webui_files/`, with the hash of its
sources beside it in `sources.sha256`. With `--check` nothing is built: the exit code is 1 when the
built files are of other sources, or were changed by hand. Building needs Node 20.19 or newer and npm.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "webui"
BUILT = ROOT / "src" / "inferswarm" / "load" / "webui_files"
STAMP = "sources.sha256"
_KEPT_OUT = {"node_modules"}
LIMIT_S = 900.0


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="Build the web UI's pages.")
    parser.add_argument("--check", action="store_true", help="only say whether they are stale")
    if not parser.parse_args().check:
        build()
    if why := stale(SOURCES, BUILT):
        print(f"the web UI's built files are stale ({why}): python tools/webui.py", file=sys.stderr)
        return 1
    return 0


def build() -> None:
    """Install what is pinned, check types, build, and write down of what."""
    # No package of these needs a script of its own to be used, so none may run one.
    for command in (["npm", "ci", "--ignore-scripts"], ["npm", "run", "build"]):
        subprocess.run(command, cwd=SOURCES, check=True, timeout=LIMIT_S)
    (BUILT / "LICENSES.txt").write_text(licenses(), encoding="utf-8")
    (BUILT / STAMP).write_text(stamp(SOURCES, BUILT), encoding="utf-8")


def licenses() -> str:
    """The licenses of all packages that what is built may have parts of."""
    lock = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))
    told = []
    for name, package in sorted(lock["packages"].items()):
        if not name or package.get("dev") or package.get("optional"):
            continue
        title = f"{name.removeprefix('node_modules/')} {package['version']}"
        texts = [path.read_text(encoding="utf-8") for path in _licenses_of(SOURCES / name)]
        told.append("\n\n".join([title, *(texts or [str(package.get("license", ""))])]))
    return f"\n\n{'-' * 80}\n\n".join(told) + "\n"


def _licenses_of(package: Path) -> list[Path]:
    found = (path for path in package.glob("*") if path.is_file())
    return sorted(path for path in found if path.stem.lower() in ("license", "licence", "notice"))


def stale(sources: Path, built: Path) -> str:
    """Why what is built is not of these sources; empty when it is."""
    try:
        known = (built / STAMP).read_text(encoding="utf-8").split()
    except OSError:
        return f"no {STAMP}"
    wanted = stamp(sources, built).split()
    if known[:1] != wanted[:1]:
        return "the sources are others"
    return "" if known == wanted else "built files were changed"


def stamp(sources: Path, built: Path) -> str:
    """Two lines: the hash of the sources, and that of the built files."""
    return f"{_hash(sources)}\n{_hash(built)}\n"


def _hash(folder: Path) -> str:
    found = hashlib.sha256()
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        found.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_file() and path.name != STAMP and not _KEPT_OUT.intersection(inside):
            yield path


if __name__ == "__main__":
    sys.exit(main())
