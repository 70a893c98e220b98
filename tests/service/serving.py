"""A service that really listens, for tests: its app in a server in a thread of the test's process."""

import contextlib
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from inferswarm.remote import MasterClient
from inferswarm.service.access import Gate
from inferswarm.service.app import create_app
from inferswarm.service.conductor import Conductor
from inferswarm.service.registry import Registry
from inferswarm.service.usual import Usual

NOBODY = MasterClient("http://127.0.0.1:9", timeout_s=1)
"""A master that is not there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


@dataclass(frozen=True, slots=True)
class Served:
    """A service at an address."""

    url: str
    registry: Registry

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request; a body that is no bytes is sent as JSON."""
        data = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(  # noqa: S310 - always http
            self.url + path, data, {"Content-Type": "application/json", **names}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the same
                return Answer(answer.status, _lower(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, _lower(error.headers), error.read())


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@contextlib.contextmanager
def service(
    folder: Path,
    master: MasterClient = NOBODY,
    gate: Gate | None = None,
    usual: Usual | None = None,
    *,
    patient: bool = False,
) -> Iterator[Served]:
    """A service with a database in `folder`, while the block runs; a `patient` one lets all ask."""
    registry = Registry(folder / "service.db")
    conductor = Conductor(registry, master, silence_limit_s=5)
    app = create_app(registry, conductor, master, gate or Gate("127.0.0.1"), usual or Usual())
    if patient:
        for pace in (app.state.service.asking, app.state.service.reading):
            pace._rate_per_s = pace._burst = 1_000_000
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        conductor.start()
        yield Served(f"http://127.0.0.1:{port}", registry)
    finally:
        conductor.stop()
        server.should_exit = True
        thread.join(10)
        registry.close()
