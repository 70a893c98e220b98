"""aiperf: several processes, one line of JSON for each request with TTFT and the gaps of chunks."""

import json
from collections.abc import Iterator
from pathlib import Path

from bench.clients.row import Reported
from bench.peers.peer import MODEL, PROMPT_TOKENS, Play, reported_of

_FOLDER = "aiperf"


def words(play: Play) -> list[str]:
    """Synthetic prompts, `users` in flight."""
    said = [play.program("aiperf"), "profile", "--model", MODEL, "--url", play.url]
    said += ["--tokenizer", str(play.tokenizer), "--endpoint-type", "completions", "--streaming"]
    said += ["--concurrency", str(play.users), "--request-count", str(play.requests)]
    said += ["--isl", str(PROMPT_TOKENS), "--osl", str(play.tokens), "--use-legacy-max-tokens"]
    said += ["--ui-type", "none", "--no-auto-plot", "--export-level", "records"]
    return [*said, "--random-seed", "1", "--artifact-dir", str(play.out / _FOLDER)]


def read(out: Path) -> Iterator[Reported]:
    """Its records of requests that succeeded."""
    with (out / _FOLDER / "profile_export.jsonl").open("rb") as lines:
        for line in lines:
            told = json.loads(line)
            if told.get("error"):
                continue
            metrics = told["metrics"]
            ttft_s = metrics["time_to_first_token"]["value"] / 1e3
            gaps_s = [gap / 1e3 for gap in metrics["inter_chunk_latency"]["value"]]
            yield reported_of(told["metadata"]["request_start_ns"], ttft_s, gaps_s)
