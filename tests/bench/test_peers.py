"""Facts about the rows of known tools: what they are told, how their results are read."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bench.loads import LOADS, Load
from bench.peers import aiperf, genai_bench, guidellm, inference_perf, vllm_bench
from bench.peers.peer import Peer, Play, requests_of, unix_ns
from bench.peers.table import TOOLS, folder, install, names, peers
from bench.truth import BenchError, Pace

MS = 1_000_000
LOAD = next(load for load in LOADS if load.name == "stream64")


def left(path: Path, content: Any) -> None:
    """A result file as a tool leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def row(name: str, cache: Path, python: str = sys.executable) -> Peer:
    """One tool's row, with an interpreter that has none of them."""
    return next(one for one in peers(cache, {name: python}) if one.name == name)


@pytest.mark.parametrize("name", [tool.name for tool in TOOLS])
def test_every_tool_is_told_the_same_load(name: str, tmp_path: Path) -> None:
    """Server, tokenizer, users, tokens and number of requests stand in its command or its file."""
    words = row(name, tmp_path).command(LOAD, "http://127.0.0.1:9", tmp_path)
    said = " ".join([*words, *(path.read_text() for path in tmp_path.glob("*.yaml"))])
    for wanted in ("http://127.0.0.1:9", str(tmp_path / "tokenizer"), "inferswarm-bench"):
        assert wanted in said
    for number in ("64", str(requests_of(LOAD))):
        assert number in said
    assert "DO_NOT_TRACK=1" in words


def test_a_load_is_as_many_rounds_as_fit() -> None:
    """Ten seconds hold seven answers of 1.31 s; a short load still has a first, a middle, a last."""
    assert requests_of(LOAD) == 7 * 64
    assert requests_of(Load("x", "x", 10, pace=Pace(50_000, 20_000), duration_s=1)) == 30


def test_only_paced_streams_of_moderate_number_are_played(tmp_path: Path) -> None:
    """Others the tools cannot play, or only for a very long time."""
    peer = row("vllm", tmp_path)
    assert [load.name for load in LOADS if peer.plays(load)] == ["stream64", "stream256"]


def test_a_tool_that_is_not_installed_says_how_to_get_it(tmp_path: Path) -> None:
    """Whether its interpreter is absent or only lacks it."""
    for python in (sys.executable, str(tmp_path / "none")):
        why = row("guidellm", tmp_path, python).missing()
        assert why == "not installed: python -m bench --install guidellm"
    assert "--peer-python vllm=" in row("vllm", tmp_path).missing()


def test_an_interpreter_for_no_tool_is_refused(tmp_path: Path) -> None:
    """A misspelt name would otherwise be of no effect."""
    with pytest.raises(BenchError, match="guidelm: not one of inference-perf"):
        peers(tmp_path, {"guidelm": sys.executable})


def test_an_installation_that_fails_says_so(tmp_path: Path) -> None:
    """A file lies where the environment is to be."""
    (tmp_path / "peers").mkdir()
    folder(tmp_path, TOOLS[0]).write_text("")
    with pytest.raises(BenchError, match=TOOLS[0].name):
        install(tmp_path, [TOOLS[0].name])
    assert TOOLS[0].name in names()


def test_a_tokenizer_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    """As with an interpreter that lacks the library."""
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(BenchError, match="no tokenizer"):
        row("aiperf", tmp_path, str(bare)).prepare()
    left(tmp_path / "tokenizer" / "tokenizer.json", {})
    row("aiperf", tmp_path).prepare()


def test_results_of_another_form_are_a_value_error(tmp_path: Path) -> None:
    """So that they cost one run and no more."""
    left(tmp_path / "guidellm.json", {"benchmarks": [{"requests": {"successful": [{}]}}]})
    with pytest.raises(ValueError, match="another form"):
        row("guidellm", tmp_path).reported(tmp_path)
    with pytest.raises(ValueError, match="was left"):
        row("genai-bench", tmp_path).reported(tmp_path)


def test_vllm_tells_every_gap(tmp_path: Path) -> None:
    """Failed requests are left out; starts are of the steady clock, as any process here reads it."""
    before_ns, start_s = time.time_ns(), time.perf_counter()
    left(
        tmp_path / "vllm.json",
        {
            "start_times": [start_s, start_s],
            "ttfts": [0.05, 0.0],
            "itls": [[0.02, 0.01], []],
            "errors": ["", "refused"],
        },
    )
    (told,) = vllm_bench.read(tmp_path)
    assert told.token_ns == [50 * MS, 70 * MS, 80 * MS]
    assert told.sent_ns is not None
    assert abs(told.sent_ns - before_ns) < 1_000 * MS


def test_the_steady_clock_is_shared_by_processes() -> None:
    """Another process's reading lies between two of ours."""
    before_ns = time.time_ns()
    script = "import time; print(time.perf_counter())"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert before_ns - MS < unix_ns(float(said.stdout)) < time.time_ns() + MS


def test_aiperf_tells_every_gap(tmp_path: Path) -> None:
    """One line for each request; those with an error are left out."""
    metrics = {
        "time_to_first_token": {"value": 50.0, "unit": "ms"},
        "inter_chunk_latency": {"value": [20.0, 10.0], "unit": "ms"},
    }
    good = {"metadata": {"request_start_ns": 123}, "metrics": metrics, "error": None}
    bad = {"metadata": {"request_start_ns": 124}, "metrics": {}, "error": {"code": 500}}
    path = tmp_path / "aiperf" / "profile_export.jsonl"
    path.parent.mkdir()
    path.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    (told,) = aiperf.read(tmp_path)
    assert (told.sent_ns, told.token_ns) == (123, [50 * MS, 70 * MS, 80 * MS])


def test_inference_perf_tells_the_time_of_every_token(tmp_path: Path) -> None:
    """All instants are of the steady clock."""
    times = {"output_token_times": [100.05, 100.07]}
    good = {"start_time": 100.0, "error": None, "info": {"response_metrics": times}}
    path = tmp_path / "inference-perf" / "per_request_lifecycle_metrics.json"
    left(path, [good, good | {"error": {"error_type": "x"}}])
    (told,) = inference_perf.read(tmp_path)
    assert told.token_ns == [pytest.approx(50 * MS, abs=1_000), pytest.approx(70 * MS, abs=1_000)]


def test_inference_perf_gets_workers_for_all_users(tmp_path: Path) -> None:
    """One for each hundred streams, its own default."""
    play = Play(Path("python"), "http://x", tmp_path, tmp_path / "t", 256, 64, 768)
    inference_perf.words(play)
    said = json.loads((tmp_path / "inference-perf.yaml").read_text())
    assert said["load"]["num_workers"] == 3


def test_guidellm_tells_one_gap_for_all(tmp_path: Path) -> None:
    """The mean of the request stands for each of its gaps."""
    good = {
        "request_start_time": 5.0,
        "time_to_first_token_ms": 50.0,
        "inter_token_latency_ms": 20.0,
    }
    left(tmp_path / "guidellm.json", {"benchmarks": [{"requests": {"successful": [good]}}]})
    (told,) = guidellm.read(tmp_path)
    assert (told.sent_ns, told.token_ns) == (5_000 * MS, [50 * MS, 70 * MS])


def test_genai_bench_tells_no_instants(tmp_path: Path) -> None:
    """Only how long each took; requests with an error code are left out."""
    good = {"ttft": 0.05, "tpot": 0.02, "error_code": None}
    path = tmp_path / "genai-bench" / "a" / "D16_64_text-to-text_num_concurrency_2_time_1s.json"
    left(path, {"individual_request_metrics": [good, {"error_code": 500}]})
    (told,) = genai_bench.read(tmp_path)
    assert (told.sent_ns, told.token_ns) == (None, [50 * MS, 70 * MS])
