"""Beside a plain Locust master: asks it whenever somebody scrapes, and answers with `locust_*` names."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from inferswarm.errors import InputError
from inferswarm.exposition.families import CONTENT_TYPE, Family, render
from inferswarm.exposition.locust_names import UP, of_custom, of_report

TIMEOUT_S = 5.0
ANSWER_LIMIT_BYTES = 16 << 20
_SCRAPE_LIMIT_S = 15.0


class LocustSilentError(Exception):
    """Locust cannot be asked; says why in a line."""


class LocustClient:
    """A Locust master's web side."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        """Raises InputError for an address that is none."""
        if not url.startswith(("http://", "https://")):
            raise InputError(f"--locust-url {url}: it must begin with http:// or https://")
        self.url, self._timeout_s = url.rstrip("/"), timeout_s
        # Locust is a neighbour: no proxy of the environment stands between.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def families(self) -> list[Family]:
        """What it tells; raises LocustSilentError."""
        report = self._ask("/stats/requests")
        custom = self._ask("/stats/custom_metrics", {404: {}})
        try:
            known = {one.declared.name: one for one in of_report(report)}
        except (TypeError, AttributeError, KeyError) as error:
            why = f"{type(error).__name__}: {error}"
            raise LocustSilentError(f"{self.url}: not an answer of Locust ({why})") from None
        return list((known | {one.declared.name: one for one in of_custom(custom)}).values())

    def _ask(self, path: str, otherwise: dict[int, dict[str, Any]] | None = None) -> dict[str, Any]:
        url = f"{self.url}{path}"
        try:
            with self._opener.open(url, timeout=self._timeout_s) as answer:
                return msgspec.json.decode(self._read(answer), type=dict[str, Any])
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (otherwise or {}):
                return (otherwise or {})[error.code]
            raise LocustSilentError(f"{url}: HTTP {error.code}") from None
        except urllib.error.URLError as error:
            raise LocustSilentError(f"{url}: {error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            raise LocustSilentError(f"{url}: {error or type(error).__name__}") from None
        except msgspec.DecodeError as error:
            raise LocustSilentError(f"{url}: not an answer of Locust: {error}") from None

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        """The body, unless it takes too long or is too much."""
        body, end_s = b"", time.monotonic() + self._timeout_s
        while piece := answer.read1(1 << 16):
            body += piece
            if time.monotonic() > end_s:
                raise TimeoutError(f"its answer took longer than {self._timeout_s:g} s")
            if len(body) > ANSWER_LIMIT_BYTES:
                raise OSError(f"its answer has more than {ANSWER_LIMIT_BYTES >> 20} MiB")
        return body


class Sidecar:
    """Answers GET /metrics; `serve` until `close`."""

    def __init__(
        self, locust: LocustClient, host: str, port: int, say: Callable[[str], None]
    ) -> None:
        """`say` takes a line when Locust falls silent, and when it is back. Raises InputError."""
        self._locust, self._say, self._trouble = locust, say, ""
        try:
            self._server = ThreadingHTTPServer((host, port), self._handler())
        except (OSError, OverflowError) as error:
            raise InputError(f"cannot listen at {host}:{port}: {error}; give --port") from None
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def serve(self) -> None:
        """Answer until closed."""
        with self._server:
            self._server.serve_forever()

    def close(self) -> None:
        """End `serve`, from another thread."""
        self._server.shutdown()

    def text(self) -> bytes:
        """What is scraped now; `locust_up` 0 and nothing else when Locust is silent."""
        try:
            families, trouble = self._locust.families(), ""
        except LocustSilentError as error:
            down = Family(UP)
            down.add(0)
            families, trouble = [down], str(error)
        if trouble != self._trouble:
            self._trouble = trouble
            self._say(trouble or f"{self._locust.url}: answers again")
        return render(families)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sidecar = self

        class Handler(BaseHTTPRequestHandler):
            """One connection."""

            timeout = _SCRAPE_LIMIT_S

            def do_GET(self) -> None:
                """Answer a scrape."""
                known = self.path.partition("?")[0] == "/metrics"
                body = sidecar.text() if known else b"metrics are at /metrics\n"
                self.send_response(200 if known else 404)
                self.send_header("Content-Type", CONTENT_TYPE if known else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing of each scrape."""

        return Handler
