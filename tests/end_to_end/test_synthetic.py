"""Synthetic prompts, salt and the prefix-cache guard, with real processes and a cache that is known."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.process import RunningSimulator
from inferswarm.verdict import Verdict
from tests.end_to_end.command import Ended, command, finish, records_of, started, summary_of
from tests.servers import free_port
from tests.sources.trained import saved

CACHING = SimulatorOptions.model_validate({"ttft": "5ms", "itl": "1ms", "prefix_cache": True})
TOKEN = {"INFERSWARM_TOKEN": "shared-by-all-of-these"}
ROWS = [(n * 0.02, 20 + n, 3 + n % 5) for n in range(40)]


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    """A quick server with a prefix cache, which nobody has asked yet."""
    with RunningSimulator(CACHING) as running:
        yield running


def run(simulator: RunningSimulator, out: Path, *more: str | Path) -> Ended:
    """A short run with synthetic prompts."""
    return command(
        *("run", "--target", simulator.url, "--prompts", "synthetic", "--users", "4"),
        *("--max-output-tokens", "4", "--out", out, *more),
    )


def verdict_of(simulator: RunningSimulator, out: Path, *more: str | Path) -> Verdict:
    """What such a run comes to."""
    ended = run(simulator, out, *more)
    assert ended.code == 0, ended.err
    return summary_of(out).verdict


def told_of_cache(out: Path) -> int:
    """The cached tokens in a run's records."""
    return sum(record.cached_tokens or 0 for record in records_of(out))


def about_the_cache(verdict: Verdict) -> list[str]:
    """The warnings that speak of it."""
    return [one for one in verdict.warnings if "cache" in one]


@pytest.mark.slow
def test_the_guard_tells_repeats_salt_groups_and_hits_of_others_apart(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    """Each kind of run against one server that remembers all of them."""
    once = ["--input-tokens", "100", "--max-prompts", "60", "--requests", "60"]
    often = ["--input-tokens", "100", "--max-prompts", "6", "--requests", "60", "--seed", "1"]
    shared = ["--set", "prompts.prefix_tokens=64", "--set", "prompts.prefix_groups=3"]

    assert about_the_cache(verdict_of(simulator, tmp_path / "a" / "1", *once)) == []
    (before,) = about_the_cache(verdict_of(simulator, tmp_path / "a" / "2", *once))
    assert "asked this server the same prompts before" in before
    (unexplained,) = about_the_cache(verdict_of(simulator, tmp_path / "b" / "1", *once))
    assert "96% of the input tokens" in unexplained
    assert "its prompts were not asked before" in unexplained

    (repeated,) = about_the_cache(verdict_of(simulator, tmp_path / "c" / "1", *often))
    assert "asked up to 10 times in this run" in repeated
    salted = verdict_of(simulator, tmp_path / "c" / "2", *often, "--salt-prompts")
    assert about_the_cache(salted) == []
    assert summary_of(tmp_path / "c" / "2").metrics["cached_tokens"].count == 0

    groups = [*once, *shared, "--seed", "2"]
    assert about_the_cache(verdict_of(simulator, tmp_path / "d" / "1", *groups)) == []
    assert summary_of(tmp_path / "d" / "1").metrics["cached_tokens"].max == 64

    told = sum(map(told_of_cache, tmp_path.glob("?/?")))
    assert told == sum(row.cached_tokens for row in simulator.truth()) > 10_000


@pytest.mark.slow
def test_lengths_are_those_that_were_asked_for(simulator: RunningSimulator, tmp_path: Path) -> None:
    """Of prompts as the server counts them (its words are tokens), and of answers, with ignore_eos."""
    ended = run(
        *(simulator, tmp_path / "x", "--requests", "50", "--max-prompts", "50", "--ignore-eos"),
        *("--input-tokens", "uniform:5..60", "--output-tokens", "uniform:2..20"),
    )
    records = records_of(tmp_path / "x")

    assert ended.code == 0, ended.err
    assert min(one.input_tokens or 0 for one in records) < 15
    assert max(one.input_tokens or 0 for one in records) > 50
    assert all(one.output_tokens == one.asked_tokens for one in records)
    assert len({one.asked_tokens for one in records}) > 8
    assert not any("tokens that" in one for one in summary_of(tmp_path / "x").verdict.warnings)


@pytest.mark.slow
def test_token_ids_are_sent_exactly_or_refused(simulator: RunningSimulator, tmp_path: Path) -> None:
    """The server counts as many as were asked for; a route that takes none is refused at once."""
    asked = ["--input-tokens", "uniform:40..50", "--token-ids", "--requests", "20"]
    asked += ["--tokenizer", saved("byte-level BPE", tmp_path)]
    refused = run(simulator, tmp_path / "no", *asked, "--api", "chat")
    ended = run(simulator, tmp_path / "yes", *asked, "--salt-prompts")

    assert refused.code == 2
    assert "openai chat takes no token ids" in refused.last_error
    assert not (tmp_path / "no").exists()
    assert ended.code == 0, ended.err
    counts = [one.input_tokens or 0 for one in records_of(tmp_path / "yes")]
    assert all(48 <= count <= 58 for count in counts)


@pytest.mark.slow
def test_a_trace_is_replayed_in_full_by_workers_without_its_file(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    """They stand on another machine, so the rows come with the plan, and prompts are made there."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    rows = "".join(f"{time_s},{one},{other}\n" for time_s, one, other in ROWS)
    (here / "trace.csv").write_text(f"time_s,input_tokens,output_tokens\n{rows}")
    port, out = free_port(), tmp_path / "x"
    environment = {**os.environ, **TOKEN, "TMPDIR": str(tmp_path)}
    with ExitStack() as stack:
        master = stack.enter_context(
            started("master", "--bind", f"127.0.0.1:{port}", "--remote-workers", "1",
                    "--target", simulator.url, "--trace", "trace.csv", "--prompts", "synthetic",
                    "--ignore-eos", "--out", out, cwd=here, env=environment)
        )  # fmt: skip
        worker = stack.enter_context(
            started("worker", "--master", f"127.0.0.1:{port}", "--once",
                    cwd=elsewhere, env=environment)
        )  # fmt: skip
        ended, joined = finish(master), finish(worker)
    lengths = [(one.input_tokens, one.output_tokens) for one in records_of(out)]

    assert (ended.code, joined.code) == (0, 0), ended.err
    assert lengths == [(one, other) for _, one, other in ROWS]
    kept = msgspec.json.decode((out / "run.json").read_bytes())
    assert len(kept["prompts_sha256"]) == 64
