"""The master's `/metrics` for Prometheus, on a port of its own."""

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from gevent.pywsgi import WSGIServer
from locust.stats import PERCENTILES_TO_CHART

from inferswarm.exposition.families import CONTENT_TYPE, render
from inferswarm.exposition.gauges import gauges
from inferswarm.exposition.locust_names import custom_metrics, of_custom, of_report
from inferswarm.exposition.tally import Ledger
from inferswarm.load.board import Board
from inferswarm.load.swarm import Swarm

_log = logging.getLogger(__name__)
_Respond = Callable[[str, list[tuple[str, str]]], Any]


class ScrapeOptions(msgspec.Struct, frozen=True):
    """Where it listens (HOST:PORT, empty: nowhere), and whether a master may do without."""

    where: str = ""
    must: bool = True


class Scrape:
    """All that a master tells Prometheus; `ledger` is told of each run that begins."""

    def __init__(self, swarm: Swarm, board: Board) -> None:
        self._swarm, self._board = swarm, board
        self.ledger = Ledger()
        self._server: WSGIServer | None = None

    @property
    def port(self) -> int:
        """Where it listens; 0 for nowhere."""
        return int(self._server.address[1]) if self._server is not None else 0

    def open(self, asked: ScrapeOptions) -> None:
        """Listen; raises OSError, which names the address, when it cannot and must."""
        if asked.where in ("", "off"):
            return
        host, _, port = asked.where.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, int(port)), family=family)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            if asked.must:
                raise OSError(error.errno, why, asked.where) from None
            _log.warning("no metrics for Prometheus: %s: %s", asked.where, why)
            return
        self._server = WSGIServer(listener, self._answer, log=None)
        self._server.start()

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.stop()

    def text(self) -> bytes:
        """What is scraped now."""
        stage = self._board.state
        return render(
            [
                *gauges(stage, self._board.live, self._swarm.states()),
                *self.ledger.families(),
                *of_report(self._report()),
                *of_custom(self.custom()),
            ]
        )

    def custom(self) -> dict[str, float]:
        """The means of the old benchmark by their old keys."""
        return custom_metrics(self.ledger.latest)

    def _report(self) -> dict[str, Any]:
        """What Locust would answer at `/stats/requests`; its route keeps answers for seconds."""
        runner = self._swarm.runner
        total = runner.stats.total
        entries = [*runner.stats.entries.values(), total]
        return {
            "stats": [entry.to_dict() for entry in entries],
            "errors": [_failures(error) for error in runner.errors.values()],
            "fail_ratio": total.fail_ratio,
            "current_response_time_percentiles": {
                f"response_time_percentile_{share}": total.get_current_response_time_percentile(
                    share
                )
                for share in PERCENTILES_TO_CHART
            },
            "workers": list(_clients(runner.clients.values())),
            "state": runner.state,
            "user_count": runner.user_count,
        }

    def _answer(self, environ: dict[str, Any], respond: _Respond) -> list[bytes]:
        known = environ["PATH_INFO"] == "/metrics"
        if not known or environ["REQUEST_METHOD"] != "GET":
            respond("404 Not Found", [("Content-Type", "text/plain")])
            return [b"metrics are at /metrics\n"]
        body = self.text()
        respond("200 OK", [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body)))])
        return [body]


def _failures(error: Any) -> dict[str, Any]:
    told: dict[str, Any] = error.to_dict()
    return told


def _clients(clients: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for client in clients:
        yield {"id": client.id, "state": client.state, "user_count": client.user_count}
