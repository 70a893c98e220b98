"""Facts about what the simulator tells monitoring systems."""

from inferswarm.telemetry.declared import shipped
from inferswarm.telemetry.scrape import numbers_of, value_of
from tests.simulator.conftest import Start, exchange, request


def test_its_counts_are_those_of_the_truth_log(start: Start) -> None:
    """Tokens, successes and times of what was really answered, in vLLM's names."""
    simulator = start(backend="vllm", model="tiny")
    body = {"model": "tiny", "prompt": "one two three", "max_tokens": 5, "stream": True}
    for _ in range(3):
        exchange(simulator, request("/v1/completions", body))
    page = exchange(simulator, b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
    now = numbers_of(page.body.decode())
    rows = simulator.truth()
    assert now["vllm:generation_tokens_total"] == sum(row.output_tokens for row in rows) == 15
    assert now["vllm:prompt_tokens_total"] == sum(row.prompt_tokens for row in rows)
    assert now["vllm:request_success_total"] == 3
    assert now["vllm:time_to_first_token_seconds_count"] == 3
    assert now["vllm:num_requests_running"] == 0
    told = {one.name for one in shipped("vllm") if value_of(one, now, dict.fromkeys(now, 0), 1)}
    assert {"output_tokens", "ttft_p95"} <= told


def test_other_servers_have_no_such_page(start: Start) -> None:
    """TGI's is not modelled."""
    answer = exchange(start(backend="tgi"), b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer.status == 404
