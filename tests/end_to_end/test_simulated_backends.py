"""`inferswarm run --backend X` needs no server: the simulator speaks as X, and X's client reads it."""

from pathlib import Path

import pytest

from tests.end_to_end.command import command, summary_of

pytestmark = pytest.mark.slow

QUICK = ("--set", "simulator.ttft=10ms", "--set", "simulator.itl=1ms", "--max-output-tokens", "6")


@pytest.mark.parametrize(
    ("backend", "api", "mode"),
    [
        ("vllm", "generate", "--stream"),
        ("tgi", "generate", "--stream"),
        ("tensorrt_llm_triton", "llmapi", "--stream"),
        ("sax", "query", "--no-stream"),
        ("jetstream", "v1", "--stream"),
        ("jetstream", "grpc", "--stream"),
        ("sglang", "chat", "--stream"),
    ],
)
def test_a_run_without_target_speaks_its_backend(
    tmp_path: Path, backend: str, api: str, mode: str
) -> None:
    """Every request succeeds, and the tokens are those that were asked for."""
    out = tmp_path / "x"
    way = ("--backend", backend, "--api", api, mode)
    ended = command("run", *way, "--requests", "8", "--users", "4", *QUICK, "--out", out)
    assert ended.code == 0, ended.err
    summary = summary_of(out)
    assert summary.run["backend"] == backend
    assert f"{backend} {api}" in ended.out
    assert "8 of 8 requests succeeded" in ended.out
