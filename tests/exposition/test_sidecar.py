"""Facts about the exporter beside a plain Locust master, which real sockets stand for."""

import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import msgspec
import pytest

from inferswarm.errors import InputError
from inferswarm.exposition.sidecar import LocustClient, Sidecar
from tests.end_to_end.command import answering
from tests.exposition.test_locust_names import REPORT
from tests.servers import free_port


def answer(body: bytes, status: str = "200 OK") -> bytes:
    """What a web server answers."""
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
        status.encode(),
        len(body),
        body,
    )


@contextlib.contextmanager
def beside(url: str, said: list[str]) -> Iterator[str]:
    """An exporter beside the Locust at `url`; where it is."""
    sidecar = Sidecar(LocustClient(url, timeout_s=0.5), "127.0.0.1", 0, said.append)
    thread = threading.Thread(target=sidecar.serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{sidecar.port}"
    finally:
        sidecar.close()
        thread.join(10)


def scraped(url: str) -> str:
    """What a scrape gets."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as page:  # noqa: S310
        assert page.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return str(page.read().decode())


def test_locusts_numbers_are_given_by_their_well_known_names() -> None:
    """From what it answers when somebody scrapes; other pages are not there."""
    said: list[str] = []
    with answering(answer(msgspec.json.encode(REPORT))) as locust, beside(locust, said) as url:
        assert "\nlocust_users 6\n" in scraped(url)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/", timeout=10)  # noqa: S310
        refused.value.close()
    assert refused.value.code == 404
    assert not said


@pytest.mark.parametrize(
    ("bytes_", "why"),
    [
        (b"", "timed out"),
        (answer(b"<html>"), "not an answer of Locust"),
        (answer(b'{"stats": [3]}'), "not an answer of Locust"),
        (answer(b"{}", "401 Unauthorized"), "HTTP 401"),
        (b"rubbish\r\n\r\n", "rubbish"),
    ],
)
def test_a_silent_locust_is_down_and_that_is_said_once(bytes_: bytes, why: str) -> None:
    """Within a bounded time, whatever it answers."""
    said: list[str] = []
    with answering(bytes_) as locust, beside(locust, said) as url:
        for _ in range(2):
            assert scraped(url).splitlines()[-1] == "locust_up 0"
    assert len(said) == 1
    assert why in said[0]


def test_an_answer_that_never_ends_is_given_up() -> None:
    """Also when a little of it comes again and again."""
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            with listener.accept()[0] as peer, contextlib.suppress(OSError):
                peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    peer.sendall(b" ")
                    time.sleep(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        with beside(f"http://127.0.0.1:{listener.getsockname()[1]}", said) as url:
            assert "locust_up 0" in scraped(url)
        thread.join(10)
    assert not thread.is_alive()
    assert "its answer took longer than 0.5 s" in said[0]


def test_a_locust_that_is_not_there_is_named() -> None:
    """With its address."""
    said: list[str] = []
    with beside(away := f"http://127.0.0.1:{free_port()}", said) as url:
        assert "locust_up 0" in scraped(url)
    assert said[0].startswith(f"{away}/stats/requests: ")


def test_what_cannot_be_served_is_refused() -> None:
    """An address that is none, a port that is taken."""
    with pytest.raises(InputError, match="must begin with http"):
        LocustClient("localhost:8089")
    with beside("http://127.0.0.1:9", []) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(InputError, match=f"cannot listen at 127.0.0.1:{port}"):
            Sidecar(LocustClient(url), "127.0.0.1", port, print)
