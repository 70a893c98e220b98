"""How tests of the deployment ask what runs in containers."""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

OVER = ("done", "failed", "cancelled", "interrupted")


@dataclass(frozen=True)
class Asker:
    """Somebody with a token; by default one who asks nothing that needs it."""

    base: str
    token: str = ""

    def ask(self, path: str, body: object = None) -> Any:
        """The JSON that a route answers; raises OSError for a refusal, or when nobody answers."""
        head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        given = "" if body is None else json.dumps(body)
        status, answer = exchange(self.base + path, head, given)
        if status >= 300:
            raise OSError(f"{path}: {status}: {answer[:500]!r}")
        return json.loads(answer)

    def ended(self, identity: str, limit_s: float) -> Any:
        """A run of the runner once it is over."""
        path = f"/runs/{identity}"
        wait_for(lambda: self.ask(path)["state"] in OVER, limit_s, identity)
        return self.ask(path)


def exchange(url: str, head: dict[str, str], body: str = "") -> tuple[int, bytes]:
    """Status and body of an answer, past any proxy; raises OSError when there is none."""
    there = urlsplit(url)
    path = f"{there.path or '/'}?{there.query}" if there.query else there.path or "/"
    with contextlib.closing(HTTPConnection(there.netloc, timeout=20)) as connection:
        try:
            connection.request("POST" if body else "GET", path, body or None, head)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except HTTPException as error:
            raise OSError(f"{url}: {error!r}") from error


def wait_for(holds: Callable[[], bool], limit_s: float, what: object) -> None:
    """Wait until something holds; what cannot be asked yet does not hold."""
    end_s = time.monotonic() + limit_s
    said: tuple[object, ...] = (what,)
    while True:
        try:
            if holds():
                return
        except OSError as error:
            said = (what, error)
        assert time.monotonic() < end_s, said
        time.sleep(0.3)
