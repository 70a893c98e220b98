"""guidellm: worker processes, a report with TTFT and the mean gap of each request."""

from collections.abc import Iterator
from pathlib import Path

from bench.clients.row import Reported
from bench.peers.peer import MODEL, PROMPT_TOKENS, Play, read_json, reported_of

_RESULT = "guidellm.json"


def words(play: Play) -> list[str]:
    """Synthetic prompts, `users` in flight."""
    backend = f"kind=openai_http,target={play.url},model={MODEL},request_format=/v1/completions"
    data = f"kind=synthetic_text,prompt_tokens={PROMPT_TOKENS},output_tokens={play.tokens}"
    said = [play.program("guidellm"), "run", "--backend", backend, "--data", data]
    said += ["--profile", f"kind=concurrent,streams={play.users}"]
    said += ["--constraint", f"kind=max_requests,count={play.requests}"]
    said += ["--tokenizer", f"kind=huggingface_auto,model={play.tokenizer}"]
    return [*said, "--output", f"kind=json,path={play.out / _RESULT}", "--disable-console"]


def read(out: Path) -> Iterator[Reported]:
    """Its requests; it tells no single gap, so that one stands for all."""
    benchmark = read_json(out / _RESULT)["benchmarks"][0]
    for told in benchmark["requests"]["successful"]:
        sent_ns = round(told["request_start_time"] * 1e9)
        gap_s = told["inter_token_latency_ms"] / 1e3
        yield reported_of(sent_ns, told["time_to_first_token_ms"] / 1e3, [gap_s])
