"""Facts about a master that a real Prometheus scrapes while it loads."""

import signal
import socket
import urllib.request
from bisect import bisect_left
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inferswarm.errors import EXIT_INTERRUPTED
from inferswarm.exposition.declared import DISTRIBUTIONS, EDGE_ERROR, Distribution
from inferswarm.remote import MasterClient
from inferswarm.scales import NS_PER_MS
from tests.end_to_end.command import command, records_of, started, summary_of, wait_for
from tests.prometheus import prometheus, promtool, value_of
from tests.servers import free_port

pytestmark = pytest.mark.slow
OLD_STYLE = (
    "locust_requests_current_fail_per_sec",
    "locust_workers_count",
    "locust_workers_hatching_count",
    "locust_workers_missing_count",
    "locust_workers_running_count",
)
"""Well-known names that promtool would have written otherwise."""
LOAD = {"users": 6, "duration": "5s"}


def page(url: str, posted: bytes | None = None) -> bytes:
    """What is answered there."""
    with urllib.request.urlopen(url, posted, timeout=10) as answer:  # noqa: S310 - http
        return bytes(answer.read())


def carried(client: MasterClient, config: dict[str, Any]) -> Path:
    """The folder of a run that was asked for and is over."""
    run = str(client.start(config)["id"])
    wait_for(lambda: "final" in client.run(run) or client.state()["state"] == "idle", 60)
    return Path(client.run(run)["folder"])


def agrees(one: Distribution, read_s: float, true_ms: float) -> bool:
    """Whether two numbers lie in one bucket, its edges as near as they can be told."""
    true_ns, read_ns = true_ms * NS_PER_MS, read_s * 1e9
    at = bisect_left(one.bounds_ns, true_ns)
    low, high = list(pairwise((0, *one.bounds_ns)))[at]
    return low * (1 - EDGE_ERROR) <= read_ns <= high * (1 + EDGE_ERROR)


def test_prometheus_reads_what_the_run_came_to(tmp_path: Path) -> None:
    """Quantiles within a bucket of the summary, counters equal to the records, over two runs."""
    web, metrics = (f"127.0.0.1:{free_port()}" for _ in range(2))
    words = ("--web", web, "--serve-metrics", metrics, "--workers", 2, "--runs", tmp_path / "runs")
    sim = ("--set", "simulator.ttft=60ms", "--set", "simulator.itl=7ms")
    with (
        started("master", *words, *sim, "--max-output-tokens", 16) as master,
        prometheus(tmp_path, metrics) as url,
    ):
        client = MasterClient(f"http://{web}")
        wait_for(lambda: value_of(url, "inferswarm_build_info") == 1, 40)
        first = carried(client, {"load": LOAD})
        shot, attempted = summary_of(first), len(records_of(first))
        means = msgspec.json.decode(page(f"http://{web}/stats/custom_metrics"))
        assert means["average-tokens-received"] == 16
        total = "sum(inferswarm_requests_total)"
        wait_for(lambda: value_of(url, total) == attempted, 20)
        assert value_of(url, "max_over_time(inferswarm_users[1m])") == 6
        assert value_of(url, "sum(inferswarm_output_tokens_total)") == shot.tokens.output
        assert value_of(url, "locust_custom_metrics_avg_tokens_received") == 16
        wait_for(lambda: value_of(url, 'inferswarm_stage{stage="idle"}') == 1, 20)
        assert value_of(url, "max_over_time(locust_users[1m])") == 6
        for one in DISTRIBUTIONS:
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
                buckets = f"sum by (le) ({one.declared.name}_bucket)"
                read = value_of(url, f"histogram_quantile({share}, {buckets})")
                true = getattr(shot.metrics[one.metric], name)
                assert read is not None
                assert agrees(one, read, true), (one.metric, name, read, true)
        page(f"http://{web}/stats/reset", b"")
        second = carried(client, {"load": {"users": 2, "requests": 9}})
        both = attempted + len(records_of(second))
        wait_for(lambda: value_of(url, total) == both, 20)
        assert value_of(url, "sum(resets(inferswarm_requests_total[2m]))") == 0
        assert value_of(url, "sum(inferswarm_runs_total)") == 2
        scraped = page(f"http://{metrics}/metrics")
        promtool("check", "metrics", given=scraped, excused=OLD_STYLE)
        master.terminate()
        master.communicate(timeout=30)
    assert master.returncode == 0


def test_one_run_can_be_scraped_too(tmp_path: Path) -> None:
    """At the address that is given."""
    at = f"127.0.0.1:{free_port()}"
    options = ("--users", 2, "--duration", "4s", "--serve-metrics", at)
    with started("run", *options, "--out", tmp_path / "x") as run:

        def counts() -> bool:
            try:
                return b"\ninferswarm_runs_total" in page(f"http://{at}/metrics")
            except OSError:
                return False

        wait_for(counts)
        run.communicate(timeout=60)
    assert run.returncode == 0


def test_an_address_that_is_taken_is_refused_before_any_load(tmp_path: Path) -> None:
    """In one line that names it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        ended = command("run", "--users", 2, "--serve-metrics", taken, "--out", tmp_path / "x")
    assert ended.code != 0
    assert f"cannot listen at {taken}: Address already in use" in ended.last_error


def test_the_exporter_beside_a_master_gives_locusts_names(tmp_path: Path) -> None:
    """Of what it answers at /stats/requests, with its old means; Ctrl-C ends it."""
    web, own = (f"127.0.0.1:{free_port()}" for _ in range(2))
    words = ("--web", web, "--serve-metrics", "off", "--workers", 1, "--runs", tmp_path / "runs")
    port = own.rpartition(":")[2]
    with (
        started("master", *words) as master,
        started("exporter", "--locust-url", f"http://{web}", "--port", port) as exporter,
    ):

        def text() -> bytes:
            try:
                return page(f"http://{own}/metrics")
            except OSError:
                return b""

        wait_for(lambda: b"\nlocust_up 1\n" in text(), 40)
        assert b"\nlocust_custom_metrics_avg_test_time 0\n" in text()
        promtool("check", "metrics", given=text(), excused=OLD_STYLE)
        exporter.send_signal(signal.SIGINT)
        exporter.communicate(timeout=20)
        assert exporter.returncode == EXIT_INTERRUPTED
        master.terminate()
        master.communicate(timeout=30)
    assert master.returncode == 0
