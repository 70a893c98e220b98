"""Facts about the master's `/metrics`: a real server, asked as Prometheus would."""

from collections.abc import Iterator

import gevent
import pytest
from gevent import socket

from inferswarm.load.board import Board
from inferswarm.load.scrape import Scrape, ScrapeOptions
from inferswarm.load.swarm import Swarm
from inferswarm.summary import Summary
from tests.builders import record


@pytest.fixture
def scrape() -> Iterator[Scrape]:
    """All that a master tells, with one run's numbers."""
    swarm = Swarm("", "token")
    scrape = Scrape(swarm, Board(lambda *_, **__: None, swarm.remote))
    yield scrape
    scrape.close()
    swarm.quit()


def asked(port: int, line: bytes) -> bytes:
    """What is answered to a request."""
    with gevent.Timeout(10), socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: peer.recv(65_536), b""))


def test_a_scrape_has_ours_and_locusts_names(scrape: Scrape) -> None:
    """Counts of the run, the stage, Locust's users and the old means."""
    summary = Summary()
    summary.add_all([record(k=k) for k in range(4)])
    scrape.ledger.begin("vllm", "m", summary)
    scrape.open(ScrapeOptions("127.0.0.1:0"))
    answer = asked(scrape.port, b"GET /metrics").decode()
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert 'inferswarm_requests_total{backend="vllm",model="m",outcome="ok"} 4\n' in answer
    assert 'inferswarm_stage{stage="idle"} 1\n' in answer
    assert "locust_users 0\n" in answer
    assert "locust_custom_metrics_avg_tokens_received 3\n" in answer


def test_nothing_else_is_there(scrape: Scrape) -> None:
    """Neither other pages nor other ways to ask."""
    scrape.open(ScrapeOptions("127.0.0.1:0"))
    assert b" 404 " in asked(scrape.port, b"GET /")
    assert b" 404 " in asked(scrape.port, b"POST /metrics")


def test_a_port_that_is_taken_is_named_or_done_without(scrape: Scrape) -> None:
    """As it was asked."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        scrape.open(ScrapeOptions(taken, must=False))
        assert scrape.port == 0
        with pytest.raises(OSError, match=taken):
            scrape.open(ScrapeOptions(taken))
    for nowhere in ("", "off"):
        scrape.open(ScrapeOptions(nowhere))
        assert scrape.port == 0
