"""Facts about a server's own metrics, read page after page."""

import time
from collections.abc import Sequence

import pytest

from inferswarm.scales import NS_PER_S
from inferswarm.telemetry.scrape import Poller, Reader, numbers_of, value_of
from inferswarm.telemetry.values import Read, Wanted
from tests.servers import Server, answering, free_port


def wanted(read: Read, *of: str, to: Sequence[str] = (), scale: float = 1.0) -> Wanted:
    """One line."""
    return Wanted(name="x", title="X", panel="P", read=read, of=of, to=tuple(to), scale=scale)


def test_samples_are_summed_over_labels_but_for_bounds() -> None:
    """Two engines are one server; what is no number is left out."""
    page = """# TYPE running gauge
running{engine="0"} 3
running{engine="1"} 4
bad NaN
# TYPE wait_seconds histogram
wait_seconds_bucket{engine="0",le="0.1"} 1
wait_seconds_bucket{engine="1",le="0.1"} 2
wait_seconds_bucket{engine="0",le="+Inf"} 5
"""
    assert numbers_of(page) == {
        "running": 7,
        "wait_seconds_bucket{0.1}": 3,
        "wait_seconds_bucket{+Inf}": 5,
    }


@pytest.mark.parametrize(
    ("one", "now", "before", "value"),
    [
        (wanted(Read.GAUGE, "new", "old"), {"old": 3}, {}, 3),
        (wanted(Read.GAUGE, "new", "old"), {"old": 3, "new": 5}, {}, 5),
        (wanted(Read.GAUGE, "new"), {"old": 3}, {}, None),
        (wanted(Read.RATE, "c"), {"c_total": 30}, {"c_total": 10}, 10),
        (wanted(Read.RATE, "c"), {"c": 30}, {"c": 10}, 10),
        (wanted(Read.RATE, "c"), {"c_total": 30}, {}, None),
        (wanted(Read.RATE, "c"), {"c_total": 6}, {"c_total": 100}, 3),
        (wanted(Read.SHARE, "h", to=["q"]), {"h": 5, "q": 20}, {"h": 0, "q": 10}, 0.5),
        (wanted(Read.SHARE, "h", to=["q"]), {"h": 5, "q": 10}, {"h": 5, "q": 10}, None),
        (wanted(Read.MEAN, "s"), {"s_sum": 9, "s_count": 4}, {"s_sum": 3, "s_count": 1}, 2),
    ],
)
def test_a_number_is_made_of_what_happened_since(
    one: Wanted, now: dict[str, float], before: dict[str, float], value: float | None
) -> None:
    """Two seconds lie between; a counter that fell was started again."""
    assert value_of(one, now, before, 2.0) == value


@pytest.mark.parametrize(
    ("read", "value"), [(Read.P50, 0.1 + 0.4 * 30 / 50), (Read.P95, 0.5), (Read.P99, 0.5)]
)
def test_quantiles_are_interpolated_as_prometheus_does(read: Read, value: float) -> None:
    """Of 100 since the look before 20 took up to 0.1 s, 50 up to 0.5, and 30 longer."""
    before = {"w_bucket{0.1}": 5.0, "w_bucket{0.5}": 5.0, "w_bucket{+Inf}": 5.0}
    now = {"w_bucket{0.1}": 25.0, "w_bucket{0.5}": 75.0, "w_bucket{+Inf}": 105.0}
    assert value_of(wanted(read, "w"), now, before, 2.0) == pytest.approx(value)
    assert value_of(wanted(read, "w"), now, now, 2.0) is None


def test_lines_hold_scaled_values_at_their_instants() -> None:
    """And what was never there is known as missing."""
    reader = Reader([wanted(Read.GAUGE, "a", scale=100), wanted(Read.GAUGE, "b")])
    reader.take(NS_PER_S, {"a": 0.25})
    reader.take(3 * NS_PER_S, {"a": 0.5})
    (line,) = reader.series
    assert line.points == [(NS_PER_S, 25.0), (3 * NS_PER_S, 50.0)]
    assert [one.of for one in reader.missing] == [("b",)]


def polled(urls: Sequence[str], seconds: float = 0.6) -> tuple[list[str], list[str]]:
    """Titles of the lines and the notes of a poller that looked for a while."""
    poller = Poller(urls, [wanted(Read.GAUGE, "running")], 0.05)
    poller.start()
    time.sleep(seconds)
    series, notes = poller.stop()
    return [line.title for line in series], notes


def url_of(server: Server) -> str:
    """Where its metrics would be."""
    return f"http://127.0.0.1:{server.port}/metrics"


def page(text: bytes, status: str = "200 OK") -> bytes:
    """An HTTP answer."""
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (
        status.encode(),
        len(text),
        text,
    )


def test_the_first_address_that_tells_something_is_looked_at() -> None:
    """Nobody at the first, another page at the second."""
    with answering(page(b"<html>")) as other, answering(page(b"running 3\n")) as metrics:
        nobody = f"http://127.0.0.1:{free_port()}/metrics"
        titles, notes = polled([nobody, url_of(other), url_of(metrics)])
    assert (titles, notes) == (["X"], [])


def test_a_server_without_metrics_is_a_note() -> None:
    """It says which address was tried and what came."""
    with answering(page(b"no", "404 Not Found")) as server:
        titles, notes = polled([url_of(server)])
    assert titles == []
    assert notes == [f"the server's own metrics could not be read ({url_of(server)}: HTTP 404)"]
