"""Facts about how many may follow runs at once, with real sockets."""

import contextlib
import socket
import time
from pathlib import Path

from inferswarm.service.streams import MOST_STREAMS
from tests.service.serving import Served, service

LIMIT_S = 20.0


def following(served: Served, path: str, opened: contextlib.ExitStack) -> tuple[str, socket.socket]:
    """The first line of the answer to who wants to follow, and the connection, which stays open."""
    host, _, port = served.url.rpartition("/")[2].partition(":")
    peer = opened.enter_context(socket.create_connection((host, int(port)), LIMIT_S))
    peer.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += peer.recv(65_536)
    return head.decode(), peer


def test_so_many_may_follow_and_then_whoever_comes_when_one_has_gone(tmp_path: Path) -> None:
    """The others are told when to come again; what is no stream is answered all the time."""
    with service(tmp_path, patient=True) as served, contextlib.ExitStack() as opened:
        url = served.ask("GET", "/run").json["url"]
        path = f"{url}/events"
        heads = [following(served, path, opened) for _ in range(MOST_STREAMS)]
        assert all(head.startswith("HTTP/1.1 200 ") for head, _ in heads)
        refused = served.ask("GET", path)
        assert (refused.status, refused.headers["retry-after"]) == (503, "10")
        assert "too many follow runs already" in refused.json["error"]
        assert served.ask("GET", url).status == 200
        heads[0][1].close()
        end_s = time.monotonic() + LIMIT_S
        while (head := following(served, path, opened)[0]).startswith("HTTP/1.1 503 "):
            assert time.monotonic() < end_s, "the place stays taken"
            time.sleep(0.05)
        assert head.startswith("HTTP/1.1 200 ")
        served.ask("POST", f"{url}/stop")
