"""Facts about asking Prometheus."""

import json
import re

import pytest

from inferswarm.scales import NS_PER_S
from inferswarm.telemetry.promql import Prometheus, expression, step_s
from inferswarm.telemetry.values import Read, Wanted
from tests.servers import Server, answering, free_port


def wanted(**more: object) -> Wanted:
    """One line."""
    return Wanted(**{"name": "x", "title": "X", "panel": "P", **more})  # type: ignore[arg-type]


def url_of(server: Server) -> str:
    """Where it listens."""
    return f"http://127.0.0.1:{server.port}"


EITHER = (
    "(sum(rate(a_total[60s])) / sum(rate(c_total[60s]))) or "
    "(sum(rate(b_total[60s])) / sum(rate(d_total[60s])))"
)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (wanted(promql="up"), "up"),
        (wanted(promql="up", of=("a",)), "up"),
        (wanted(of=("a",)), "sum(a)"),
        (wanted(of=("a", "b")), "(sum(a)) or (sum(b))"),
        (wanted(of=("a",), read=Read.RATE), "sum(rate(a_total[60s]))"),
        (wanted(of=("nv_a",), read=Read.RATE), "sum(rate(nv_a[60s]))"),
        (wanted(of=("a", "b"), to=("c", "d"), read=Read.SHARE), EITHER),
        (wanted(of=("a",), read=Read.MEAN), "sum(rate(a_sum[60s])) / sum(rate(a_count[60s]))"),
        (
            wanted(of=("a",), read=Read.P95),
            "histogram_quantile(0.95, sum by (le) (rate(a_bucket[60s])))",
        ),
        (wanted(filter="metric.type = 1"), ""),
    ],
)
def test_the_expression_follows_from_the_metric(one: Wanted, text: str) -> None:
    """Unless there is one of its own."""
    assert expression(one, 60) == text


def test_a_long_run_has_no_more_points_than_a_screen() -> None:
    """A point a second up to a thousand of them."""
    assert step_s(0, 60 * NS_PER_S) == 1
    assert step_s(0, 36_000 * NS_PER_S) == 36


def answer(body: object, status: str = "200 OK") -> bytes:
    """What a server sends."""
    text = json.dumps(body).encode()
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (
        status.encode(),
        len(text),
        text,
    )


def test_lines_come_with_their_labels_and_scaled_values() -> None:
    """What is no number is left out."""
    result = [{"metric": {"gpu": "0"}, "values": [[10.5, "0.5"], [11.5, "NaN"], [12.5, "1"]]}]
    with answering(answer({"status": "success", "data": {"result": result}})) as server:
        (line,) = Prometheus(url_of(server)).fetch(
            wanted(of=("a",), scale=100), 0, 20 * NS_PER_S, 60
        )
    assert line.labels == {"gpu": "0"}
    assert line.points == [(10_500_000_000, 50.0), (12_500_000_000, 100.0)]
    assert line.source == "prometheus"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (
            answer({"status": "error", "error": "bad query"}, "400 Bad Request"),
            "HTTP 400 bad query",
        ),
        (answer({"status": "error", "error": "timed out"}), "timed out"),
        (answer([]), "not an answer of Prometheus"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", "not an answer of Prometheus"),
        (answer({}, "401 Unauthorized"), "HTTP 401"),
    ],
)
def test_what_is_no_answer_is_told(sent: bytes, words: str) -> None:
    """With the server's own words where there are any."""
    with answering(sent) as server, pytest.raises(ValueError, match=re.escape(words)):
        Prometheus(url_of(server)).fetch(wanted(of=("a",)), 0, NS_PER_S, 60)


def test_nobody_there_is_an_error_of_the_system() -> None:
    """Which whoever collects makes a note of."""
    with pytest.raises(OSError, match="refused"):
        Prometheus(f"http://127.0.0.1:{free_port()}").fetch(wanted(of=("a",)), 0, NS_PER_S, 60)
