"""`python -m inferswarm.load.desk`: a Locust master that carries out one run after another.

It is driven through pipes and ends with its input. Each line of input is an order, as JSON; the first
says where to listen:

    {"do": "open", "bind": "127.0.0.1:5557", "token": "...", "web": {"where": "", ...}}
    {"do": "carry", "plan": {...}, "run": {}} carry out this plan, after those that were ordered before
    {"do": "stop"}                            end the load that goes on, in order
    {"do": "refuse", "why": "..."}            what was asked over the web is not carried out
    {"do": "tell", "run": {"id": ..., ...}}   what is to be known of a run over the web

It writes one JSON object a line:

    {"event": "listening", "port": 41234, ..} workers may connect, and browsers to `web`
    {"event": "asked", "config": {...}}       somebody asks for a run over the web
    {"event": "started"}                      all workers are ready, the first users start
    {"event": "snapshot", ...}                twice a second: numbers so far, and what is under way
    {"event": "counted", "counted": {...}}    every `telemetry.otlp_interval`, for a collector
    {"event": "draining", "reason": "..."}    nothing more is asked
    {"event": "ended", ...}                   all that workers measured has arrived, or is given up
    {"event": "failed", "error": "..."}       instead of `started`: nothing was asked
"""

import sys
from collections.abc import Iterable
from typing import Any

import gevent
import msgspec
from gevent.event import Event
from gevent.queue import Queue

from inferswarm.load.board import Board
from inferswarm.load.master import Master
from inferswarm.load.mouth import Mouth
from inferswarm.load.plan import Plan
from inferswarm.load.process import parent_lines, prepare
from inferswarm.load.scrape import Scrape, ScrapeOptions
from inferswarm.load.swarm import Swarm
from inferswarm.load.web import Web, WebOptions


class Order(msgspec.Struct, frozen=True):
    """A line of input."""

    do: str
    bind: str = ""
    token: str = ""
    web: WebOptions = WebOptions()
    metrics: ScrapeOptions = ScrapeOptions()
    plan: Plan | None = None
    run: dict[str, Any] = {}
    why: str = ""


class Desk:
    """Takes orders, and has masters carry them out."""

    def __init__(self, first: Order, mouth: Mouth) -> None:
        self._swarm = Swarm(first.bind, first.token, waits=first.web.waits)
        self._mouth = mouth
        self._board = Board(mouth.say, self._swarm.remote, self._swarm.whole)
        mouth.overheard = self._board.said
        self._scrape = Scrape(self._swarm, self._board)
        self._scrape.open(first.metrics)
        self._web = self._open_web(first.web) if first.web.where else None
        self._waiting: Queue[Master | None] = Queue()
        self._master: Master | None = None
        self._abandoned = Event()

    def obey(self, lines: Iterable[bytes]) -> None:
        """Take orders until the input ends; then nobody listens any more."""
        try:
            for line in lines:
                self._take(msgspec.json.decode(line, type=Order))
        finally:  # who cannot take orders must not stay either
            self._abandoned.set()
            self._stop("the driving process is gone")
            self._waiting.put(None)

    def _take(self, order: Order) -> None:
        if order.plan is not None:
            if order.run:
                self._board.carried(order.run)
            self._master = Master(order.plan, self._swarm, self._mouth)
            self._waiting.put(self._master)
        elif order.do == "stop":
            self._stop("interrupted")
        elif order.do == "refuse":
            self._board.refused(order.why)
        elif order.do == "tell":
            self._board.told(order.run)

    def _stop(self, reason: str) -> None:
        if self._master is not None:
            self._master.stop(reason)

    def _change_users(self, users: int, spawn_rate_per_s: float) -> str:
        if self._master is None:
            return "no load goes on"
        return self._master.change_users(users, spawn_rate_per_s)

    def _open_web(self, asked: WebOptions) -> Web:
        return Web(
            self._swarm.environment,
            asked,
            self._board,
            stop=lambda: self._stop("stopped"),
            change=self._change_users,
            custom=self._scrape.custom,
        )

    def run(self) -> None:
        """Carry out plans until there are none."""
        web = self._web.port if self._web is not None else 0
        metrics = self._scrape.port
        self._mouth.say("listening", port=self._swarm.port, web=web, metrics=metrics)
        while (master := self._waiting.get()) is not None:
            master.count_in(self._scrape.ledger)
            master.run()
            if self._master is master:
                self._master = None
            self._swarm.dismiss()
        self._swarm.quit()
        self._mouth.finish(lambda: not self._abandoned.is_set())


def main() -> None:
    """Open, and take orders."""
    prepare("master")
    lines = parent_lines()
    first, mouth = msgspec.json.decode(next(lines), type=Order), Mouth(sys.stdout.fileno())
    try:
        desk = Desk(first, mouth)
    except OSError as error:
        where = error.filename or first.web.where or first.bind
        mouth.say("failed", error=f"cannot listen at {where}: {error.strerror}")
        return
    gevent.spawn(desk.obey, lines)
    desk.run()


if __name__ == "__main__":
    main()
