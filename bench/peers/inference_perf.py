"""inference-perf: worker processes, told by a file, a report with the time of every token."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.clients.row import Reported
from bench.peers.peer import MODEL, PROMPT_TOKENS, Play, read_json, reported_of, unix_ns

_FOLDER = "inference-perf"
_PER_WORKER = 100  # its own default for requests in flight


def words(play: Play) -> list[str]:
    """As many workers as its default for each allows, `users` in flight."""
    config = play.out / "inference-perf.yaml"
    config.write_text(json.dumps(_config(play)))  # YAML takes JSON as it is
    return [play.program("inference-perf"), "--config_file", str(config)]


def _config(play: Play) -> dict[str, Any]:
    fields = {"request": False, "response": False, "info": True, "response_chunks": False}
    stage = {"num_requests": play.requests, "concurrency_level": play.users}
    return {
        "api": {"type": "completion", "streaming": True},
        "data": {
            "type": "random",
            "input_distribution": _always(PROMPT_TOKENS, play.requests),
            "output_distribution": _always(play.tokens, play.requests),
        },
        "load": {
            "type": "concurrent",
            "num_workers": -(-play.users // _PER_WORKER),
            "stages": [stage],
        },
        "server": {"type": "vllm", "model_name": MODEL, "base_url": play.url, "ignore_eos": True},
        "tokenizer": {"pretrained_model_name_or_path": str(play.tokenizer)},
        "report": {"request_lifecycle": {"per_request": True, "per_request_fields": fields}},
        "storage": {"local_storage": {"path": str(play.out / _FOLDER)}},
    }


def _always(tokens: int, requests: int) -> dict[str, int]:
    return {"min": tokens, "max": tokens, "mean": tokens, "std_dev": 0, "total_count": requests}


def read(out: Path) -> Iterator[Reported]:
    """Its report of each request; all instants are readings of the steady clock."""
    for told in read_json(out / _FOLDER / "per_request_lifecycle_metrics.json"):
        if told["error"]:
            continue
        start_s, times_s = (
            told["start_time"],
            told["info"]["response_metrics"]["output_token_times"],
        )
        gaps_s = [late - early for early, late in pairwise(times_s)]
        yield reported_of(unix_ns(start_s), times_s[0] - start_s, gaps_s)
