"""What the known tools have in common as rows: where each lives, how it is made, started and read."""

import json
import math
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.clients.row import Reported
from bench.loads import Load
from bench.truth import BenchError

ROOT = Path(__file__).parents[2]
TOKENIZER_SCRIPT = Path(__file__).with_name("tokenizer_script.py")
MODEL = "inferswarm-bench"
PROMPT_TOKENS = 16
MOST_USERS = 256
FEWEST_ROUNDS = 3
PATIENCE_S = 300.0
CHECK_LIMIT_S = 60.0

# No model hub, no telemetry, no proxy: all of it stays on the loopback.
QUIET = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
    "VLLM_NO_USAGE_STATS": "1",
}


@dataclass(frozen=True, slots=True)
class Play:
    """One load as a tool is to play it: `requests` in all, `users` of them in flight."""

    python: Path
    url: str
    out: Path
    tokenizer: Path
    users: int
    tokens: int
    requests: int

    def program(self, name: str) -> str:
        """A command that the tool installed beside its interpreter."""
        return str(self.python.parent / name)


@dataclass(frozen=True, slots=True)
class Tool:
    """A known tool, its pinned version, and how to deal with it.

    `packages` are what pip installs; `distributions` the names it may be found under;
    `unset` variables of QUIET that it does not bear.
    """

    name: str
    packages: tuple[str, ...]
    distributions: tuple[str, ...]
    words: Callable[[Play], list[str]]
    read: Callable[[Path], Iterable[Reported]]
    oldest_python: tuple[int, int] = (3, 11)
    unset: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """A row: a tool in its environment."""

    tool: Tool
    python: Path
    tokenizer: Path
    patience_s: float = PATIENCE_S

    @property
    def name(self) -> str:
        """The tool's."""
        return self.tool.name

    def plays(self, load: Load) -> bool:
        """Paced streams of moderate number: what all of them can play and a person would wait for."""
        paced = load.pace.itl_us > 0
        return load.kind == "speed" and load.stream and paced and load.users <= MOST_USERS

    def missing(self) -> str:
        """Where to get it, when its environment does not have it."""
        if self.version():
            return ""
        hint = f"; {self.tool.hint}" if self.tool.hint else ""
        return f"not installed: python -m bench --install {self.name}{hint}"

    def version(self) -> str:
        """What is installed; empty when nothing is."""
        if not self.python.exists():
            return ""
        names = ", ".join(repr(name) for name in self.tool.distributions)
        script = (
            "from importlib import metadata as m\n"
            "have = {d.name.lower().replace('_', '-'): d.version for d in m.distributions()}\n"
            f"print(next((have[n] for n in [{names}] if n in have), ''))"
        )
        done = subprocess.run(
            [str(self.python), "-c", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=CHECK_LIMIT_S,
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    def prepare(self) -> None:
        """The tokenizer, made once; raises BenchError."""
        if (self.tokenizer / "tokenizer.json").exists():
            return
        done = subprocess.run(
            [str(self.python), str(TOKENIZER_SCRIPT), str(self.tokenizer)],
            capture_output=True,
            text=True,
            check=False,
            timeout=CHECK_LIMIT_S,
        )
        if done.returncode:
            raise BenchError(f"{self.name}: no tokenizer: {last_line(done.stderr)}")

    def command(self, load: Load, url: str, out: Path) -> list[str]:
        """The tool as its users start it, in its environment."""
        play = Play(
            self.python, url, out, self.tokenizer, load.users, load.tokens, requests_of(load)
        )
        quiet = [f"{key}={value}" for key, value in QUIET.items() if key not in self.tool.unset]
        return ["/usr/bin/env", "-C", str(out), *quiet, *self.tool.words(play)]

    def reported(self, out: Path) -> Iterable[Reported]:
        """From its own results; raises ValueError where they are not as expected."""
        try:
            return list(self.tool.read(out))
        except (KeyError, IndexError, TypeError, StopIteration) as error:
            raise ValueError(f"{self.name} left results of another form: {error!r}") from error

    def notes(self, out: Path) -> dict[str, float]:
        """Nothing."""
        return {}


def requests_of(load: Load) -> int:
    """As many whole rounds as an undisturbed client gets through in the load's time."""
    pace = load.pace
    answer_s = (pace.ttft_us + (load.tokens - 1) * pace.itl_us) / 1e6
    return load.users * max(FEWEST_ROUNDS, math.floor(load.duration_s / answer_s))


def reported_of(sent_ns: int | None, ttft_s: float, gaps_s: Iterable[float]) -> Reported:
    """A request from its TTFT and the gaps that follow, in seconds."""
    at = round(ttft_s * 1e9)
    token_ns = [at]
    for gap_s in gaps_s:
        at += round(gap_s * 1e9)
        token_ns.append(at)
    return Reported(sent_ns, token_ns)


def unix_ns(perf_counter_s: float) -> int:
    """An instant of this machine's steady clock, which any process may have read, as Unix time."""
    return time.time_ns() - time.perf_counter_ns() + round(perf_counter_s * 1e9)


def read_json(path: Path) -> Any:
    """A result file's content; raises OSError, ValueError."""
    return json.loads(path.read_bytes())


def only_file(out: Path, pattern: str) -> Path:
    """The file a tool left under a name of its own choosing; raises ValueError without it."""
    found = sorted(out.glob(pattern))
    if not found:
        raise ValueError(f"no {pattern} was left")
    return found[0]


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
