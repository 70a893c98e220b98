"""genai-bench, on Locust: a report with TTFT and the mean gap of each request, and no instants."""

from collections.abc import Iterator
from pathlib import Path

from bench.clients.row import Reported
from bench.peers.peer import MODEL, PROMPT_TOKENS, Play, only_file, read_json, reported_of

_FOLDER = "genai-bench"
_LIMIT_MINUTES = 5


def words(play: Play) -> list[str]:
    """Chat only; the server that it speaks to is named only for its plots."""
    said = [play.program("genai-bench"), "benchmark", "--api-backend", "openai"]
    said += ["--api-base", play.url, "--api-key", "none", "--model-api-key", "none"]
    said += ["--task", "text-to-text", "--api-model-name", MODEL]
    said += ["--model-tokenizer", str(play.tokenizer), "--server-engine", "vLLM"]
    said += ["--num-concurrency", str(play.users)]
    said += ["--traffic-scenario", f"D({PROMPT_TOKENS},{play.tokens})"]
    said += ["--max-time-per-run", str(_LIMIT_MINUTES)]
    said += ["--max-requests-per-run", str(play.requests)]
    folder = str(play.out / _FOLDER)
    return [*said, "--experiment-base-dir", folder, "--log-dir", folder]


def read(out: Path) -> Iterator[Reported]:
    """Its requests that succeeded, in seconds."""
    told = read_json(only_file(out, f"{_FOLDER}/*/D*_text-to-text_*.json"))
    for request in told["individual_request_metrics"]:
        if not request["error_code"]:
            yield reported_of(None, request["ttft"], [request["tpot"]])
