"""`vllm bench serve`: one process, results with TTFT and every gap between tokens."""

from collections.abc import Iterator
from pathlib import Path

from bench.clients.row import Reported
from bench.peers.peer import MODEL, PROMPT_TOKENS, Play, read_json, reported_of, unix_ns

_RESULT = "vllm.json"


def words(play: Play) -> list[str]:
    """Random prompts, all at once, at most `users` in flight."""
    said = [str(play.python), "-m", "vllm.entrypoints.cli.main", "bench", "serve"]
    said += ["--backend", "openai", "--base-url", play.url, "--endpoint", "/v1/completions"]
    said += ["--model", MODEL, "--tokenizer", str(play.tokenizer), "--ignore-eos"]
    said += ["--dataset-name", "random", "--random-input-len", str(PROMPT_TOKENS)]
    said += ["--random-output-len", str(play.tokens), "--num-prompts", str(play.requests)]
    said += ["--max-concurrency", str(play.users), "--disable-tqdm"]
    said += ["--save-result", "--save-detailed"]
    return [*said, "--result-dir", str(play.out), "--result-filename", _RESULT]


def read(out: Path) -> Iterator[Reported]:
    """Its detailed result; starts are readings of the steady clock."""
    told = read_json(out / _RESULT)
    columns = (told["start_times"], told["ttfts"], told["itls"], told["errors"])
    for start_s, ttft_s, gaps_s, error in zip(*columns, strict=True):
        if not error:
            yield reported_of(unix_ns(start_s), ttft_s, gaps_s)
