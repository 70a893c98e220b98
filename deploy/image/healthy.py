"""Whether the role that a container plays still answers; the exit code is 0 or 1.

Run by the image's HEALTHCHECK every 30 s beside a load that must not be disturbed: so it imports
next to nothing, and asks for nothing that costs.
"""

import contextlib
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PATIENCE_S = 4.0
MOST_BYTES = 1 << 20
WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - names what a role was told to listen at


class Place(NamedTuple):
    """Where a role listens, and what is asked of it there; an empty path asks nothing."""

    host: str
    port: int
    path: str


def place_of(words: Sequence[str]) -> Place | None:
    """Where the role of this command line answers; None for a role that only has to be there."""
    role = next((word for word in words if word in ("master", "serve", "simulate", "exporter")), "")
    if role == "master":
        if "--web" not in (word.partition("=")[0] for word in words):
            return None
        host, _, port = _told(words, "--web", "127.0.0.1:8089").rpartition(":")
        return Place(host.strip("[]"), int(port), "/login")
    if role:
        port = {"serve": "8000", "simulate": "8010", "exporter": "9646"}[role]
        # Not the exporter's /metrics: that would ask Locust each time.
        path = "/healthz" if role == "serve" else "/"
        path = "" if _told(words, "--tls-cert", "") else path
        return Place(_told(words, "--host", "127.0.0.1"), int(_told(words, "--port", port)), path)
    return None


def _told(words: Sequence[str], flag: str, default: str) -> str:
    """The value of a flag, as `--flag value` or `--flag=value`; the last one counts."""
    found = default
    for word, follower in zip(words, [*words[1:], "--"], strict=True):
        if word == flag and not follower.startswith("--"):
            found = follower
        elif word.startswith(f"{flag}="):
            found = word.partition("=")[2]
    return found


def answers(place: Place) -> bool:
    """Whether somebody speaks HTTP there and reports no failure of its own (a refusal is an answer)."""
    host = "127.0.0.1" if place.host in WILDCARDS else place.host
    with (
        contextlib.suppress(OSError),
        socket.create_connection((host, place.port), PATIENCE_S) as connection,
    ):
        if not place.path:
            return True
        request = f"GET {place.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("ascii"))
        answer = b""
        # To its end: who hangs up early makes the other side complain.
        while len(answer) < MOST_BYTES and (piece := connection.recv(65_536)):
            answer += piece
        return answer.startswith(b"HTTP/1.") and answer[9:10] in (b"2", b"3", b"4")
    return False


def main(command_line: Path) -> int:
    """The exit code for the process whose words are in this file of /proc."""
    place = place_of(command_line.read_bytes().decode().split("\0"))
    return 0 if place is None or answers(place) else 1


if __name__ == "__main__":
    sys.exit(main(Path("/proc/1/cmdline")))
