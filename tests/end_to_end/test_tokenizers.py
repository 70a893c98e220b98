"""Answers whose length no server tells are counted by a tokenizer, and as the truth log counts them."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.generation import words
from inferswarm.simulator.process import RunningSimulator
from inferswarm.simulator.truth import TruthRow
from inferswarm.snapshot import Snapshot
from tests.end_to_end.command import command, records_of, summary_of
from tests.tokenizer.making import byte_tokenizer, word_tokenizer

VOCABULARY = list(dict.fromkeys(words(0, 0, 200).decode().split()))
# Never as answers go, which would look like a prompt that is repeated.
PROMPTS = [" ".join(VOCABULARY[::-1][at : 2 * at + 5]) for at in range(9)]
SILENT = '{"return_num_input_tokens": false, "return_num_output_tokens": false}'


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Prompts of the words that the simulator knows."""
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(PROMPTS))
    return path


def run(
    out: Path, *arguments: str | Path, tokens_per_chunk: int = 1
) -> tuple[Snapshot, list[TruthRow], str]:
    """A run against a Triton server: its numbers, the server's own log, and what it printed."""
    model = "tensorrt_llm" if "llmapi" in arguments else "ensemble"
    options = SimulatorOptions.model_validate(
        {
            "backend": "tensorrt_llm_triton",
            "model": model,
            "ttft": "5ms",
            "itl": "1ms",
            "tokens_per_chunk": tokens_per_chunk,
        }
    )
    with RunningSimulator(options) as simulator:
        ended = command(
            *("run", "--target", simulator.url, "--backend", "tensorrt_llm_triton"),
            *("--model", model, "--users", "4", "--requests", "60", "--out", out, *arguments),
        )
        truth = simulator.truth()
    assert ended.code == 0, ended.err
    return summary_of(out), truth, ended.out


@pytest.mark.slow
@pytest.mark.parametrize("way", [[], ["--no-stream"]])
def test_an_answer_without_a_count_has_as_many_tokens_as_the_server_made(
    tmp_path: Path, prompts: Path, way: list[str]
) -> None:
    """Streamed with three tokens a chunk, and plain with all in one: every request, by the log."""
    tokenizer = word_tokenizer(tmp_path / "model" / "tokenizer.json", VOCABULARY)
    asked = ("--api", "llmapi", "--tokenizer", tokenizer.parent, "--prompts", prompts)
    shot, truth, said = run(
        tmp_path / "x", *asked, "--max-output-tokens", "13", *way, tokens_per_chunk=3
    )
    records = records_of(tmp_path / "x")

    told, read = sum(row.output_tokens for row in truth), sum(row.prompt_tokens for row in truth)
    assert shot.tokens.output_by_source == {"tokenizer": told}
    assert shot.tokens.input_by_source == {"tokenizer": read}
    assert Counter(one.output_tokens for one in records) == Counter(
        row.output_tokens for row in truth
    )
    assert Counter(one.input_tokens for one in records) == Counter(
        row.prompt_tokens for row in truth
    )
    assert {len(one.chunk_ns) for one in records} == {1 if way else 5}
    assert not any(one.answer for one in records)
    assert "(counted by: tokenizer)" in said


@pytest.mark.slow
def test_kept_answers_are_those_sent_and_their_count_is_another_countings(
    tmp_path: Path, prompts: Path
) -> None:
    """A token for each byte: the sum is that of the texts, which are the server's own words."""
    tokenizer = byte_tokenizer(tmp_path / "tokenizer.json")
    quiet = ("--set", f"request.extra_body={SILENT}", "--max-output-tokens", "7")
    shot, truth, _ = run(
        tmp_path / "x", "--tokenizer", tokenizer, "--prompts", prompts, "--keep-answers", *quiet
    )
    records = records_of(tmp_path / "x")

    sent = [words(row.request, 0, row.output_tokens).decode() for row in truth]
    assert Counter(one.answer for one in records) == Counter(sent)
    assert all(one.output_tokens == len(one.answer.encode()) for one in records)
    assert shot.tokens.output_by_source == {"tokenizer": sum(map(len, sent))}


@pytest.mark.slow
def test_what_the_server_tells_goes_before_the_tokenizer(tmp_path: Path, prompts: Path) -> None:
    """The ensemble counts its tokens, so that no answer is kept or counted here."""
    tokenizer = byte_tokenizer(tmp_path / "tokenizer.json")
    shot, truth, _ = run(tmp_path / "x", "--tokenizer", tokenizer, "--prompts", prompts)

    told = sum(row.output_tokens for row in truth)
    assert shot.tokens.output_by_source == {"server_meta": told}
    assert list(shot.tokens.input_by_source) == ["server_meta"]


def test_without_a_tokenizer_chunks_are_counted_and_the_run_says_so(tmp_path: Path) -> None:
    """Nothing else is known of such a server."""
    shot, _, said = run(tmp_path / "x", "--api", "llmapi", "--max-output-tokens", "6")

    assert list(shot.tokens.output_by_source) == ["chunks"]
    assert shot.tokens.input_by_source == {}
    assert "(counted by: chunks)" in said


def test_a_tokenizer_that_is_not_there_is_refused_before_any_load(tmp_path: Path) -> None:
    """In one line, with the code for wrong input, and without a run folder."""
    ended = command("run", "--tokenizer", tmp_path / "nowhere", "--out", tmp_path / "x")

    assert ended.code == 2
    assert ended.err.strip() == (
        f"inferswarm: tokenizer {tmp_path / 'nowhere'}: no such file or folder; give one, or a "
        "model's name"
    )
    assert not (tmp_path / "x").exists()


LOCUST = """from inferswarm.load.user import InferenceUser
class MyUser(InferenceUser):
    settings = {{"request.max_output_tokens": 6, "output.out": "{out}", "target.backend": "jetstream",
        "target.api": "generate", "prompts.tokenizer": "{tokenizer}"}}
"""


@pytest.mark.slow
def test_answers_are_counted_under_plain_locust_too(tmp_path: Path) -> None:
    """By a process beside the patched one, after the test; JetStream's wrapper tells no counts."""
    tokenizer = byte_tokenizer(tmp_path / "tokenizer.json")
    quiet = ("--headless", "--only-summary", "-u", "2", "-r", "2", "-t", "2s", "-s", "5")
    path = tmp_path / "locustfile.py"
    path.write_text(LOCUST.format(out=tmp_path / "x", tokenizer=tokenizer))
    options = SimulatorOptions.model_validate({"backend": "jetstream", "ttft": "5ms", "itl": "1ms"})
    with RunningSimulator(options) as simulator:
        ended = subprocess.run(
            [sys.executable, "-m", "locust", "-f", path, *quiet, "--host", simulator.url],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        truth = simulator.truth()

    sent = sum(len(words(row.request, 0, row.output_tokens)) for row in truth)
    assert ended.returncode == 0, ended.stderr
    assert summary_of(tmp_path / "x").tokens.output_by_source == {"tokenizer": sent}
