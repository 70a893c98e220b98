"""`python -m inferswarm.load.worker`: a Locust worker that takes its part in one run.

Its first line of input is the master's HOST:PORT, the run's token, and `local` when both have one disk;
it ends with its input. Of records that it keeps for a master elsewhere, it tells its parent where they
are and where they go, as one JSON object on a line: {"folder": "...", "upload": "...", "run": "..."}

    hello --> plan --> (session built) --> ready --> Locust spawns users --> deltas ... --> drain -->
    last delta acknowledged --> quit
"""

import contextlib
import logging
import os
import shutil
import sys
from argparse import Namespace

import gevent
import msgspec
from gevent.event import Event
from locust.env import Environment
from locust.runners import WorkerRunner

from inferswarm.errors import InferswarmError
from inferswarm.load import messages
from inferswarm.load.merge import DeltaSender
from inferswarm.load.parts import PartsSender
from inferswarm.load.plan import Plan, digest
from inferswarm.load.process import die_with_parent, parent_lines, prepare, quiet_collector
from inferswarm.load.session import Session
from inferswarm.load.streams import Loan
from inferswarm.load.user import InferenceUser

DELTA_INTERVAL_S = 1.0
BEAT_INTERVAL_S = 0.5
_log = logging.getLogger(__name__)


class ClosedLoopUser(InferenceUser):
    """The user that `inferswarm run` spawns."""


class Worker:
    """Answers the master's messages about one run."""

    def __init__(self, runner: WorkerRunner, token: str, *, local: bool) -> None:
        """`local` workers have the master's disk."""
        self._runner = runner
        self._session: Session | None = None
        self._sender = DeltaSender(lambda packed: self._tell(messages.DELTA, {"delta": packed}))
        self._wake = Event()
        self._parts = PartsSender(lambda piece: self._tell(messages.PART, piece))
        runner.register_message(messages.PART_ACK, self._on_part_ack)
        runner.register_message(messages.PLAN, self._on_plan)
        runner.register_message(messages.LOANS, self._on_loans)
        runner.register_message(messages.START, self._on_start)
        runner.register_message(messages.ACK, self._on_ack)
        runner.register_message(messages.DRAIN, self._on_drain, concurrent=True)
        self._tell(messages.HELLO, {"token": token, "local": local})

    def finish(self) -> None:
        """The end came from outside: cut what is under way, and put all that was measured on disk."""
        if self._session is not None and not self._session.final:
            self._session.drain(0)

    def _tell(self, kind: str, data: dict[str, object]) -> None:
        self._runner.send_message(kind, data)

    def _on_plan(self, environment: Environment, msg: object) -> None:
        packed = msg.data["plan"]  # type: ignore[attr-defined]  # Locust's message has no types
        if self._session is None:
            quiet_collector()
            try:
                plan = Plan.unpack(packed).complete()
                self._session = Session(plan, environment)
            except (InferswarmError, OSError, ValueError) as error:
                _log.exception("the plan cannot be carried out")
                self._tell(messages.READY, {"error": str(error)})
                return
            _tell_parent(plan, self._session)
            gevent.spawn(self._report)
            gevent.spawn(self._beat)
        self._tell(messages.READY, {"digest": digest(packed)})

    def _on_loans(self, environment: Environment, msg: object) -> None:
        if self._session is not None:
            told = msg.data  # type: ignore[attr-defined]
            news = self._session.lend(
                told["number"], [Loan(*loan) for loan in told["loans"]], told["heard_ns"]
            )
            if news:
                self._tell(messages.BEAT, self._session.beat())

    def _beat(self) -> None:
        """Say all the time that we live, and how far we came: our loans depend on the answers."""
        assert self._session is not None
        while not self._session.final:
            self._tell(messages.BEAT, self._session.beat())
            gevent.sleep(BEAT_INTERVAL_S)

    def _on_start(self, environment: Environment, msg: object) -> None:
        if self._session is not None:
            start_ns: int = msg.data["start_ns"]  # type: ignore[attr-defined]
            gevent.spawn(self._session.play_from, start_ns)

    def _on_ack(self, environment: Environment, msg: object) -> None:
        self._sender.acknowledged(msg.data["number"])  # type: ignore[attr-defined]

    def _on_part_ack(self, environment: Environment, msg: object) -> None:
        self._parts.acknowledged(**msg.data)  # type: ignore[attr-defined]

    def _on_drain(self, environment: Environment, msg: object) -> None:
        if self._session is not None and not self._session.engine.stopping:
            self._session.drain()
            self._wake.set()

    def _report(self) -> None:
        """Send what was counted every second, and at once when the session has ended."""
        assert self._session is not None
        final = False
        while not final:
            self._wake.wait(DELTA_INTERVAL_S)
            summary, client, gauges = self._session.take_delta()
            self._sender.push(summary, client, gauges)
            final = gauges.final
        self._hand_in()
        while self._sender.unacknowledged:
            gevent.sleep(DELTA_INTERVAL_S)
            self._sender.resend()

    def _hand_in(self) -> None:
        """Send the records to the master when the load has ended; what it has is not kept here."""
        assert self._session is not None
        kept = self._session.kept
        if kept is None:
            return
        if self._parts.send_all(kept):
            shutil.rmtree(kept)
        else:
            _log.error("the master did not take the records: they are in %s", kept)


def _tell_parent(plan: Plan, session: Session) -> None:
    """Say where records are kept, so that an unpatched process can upload them meanwhile."""
    if session.kept is not None:
        upload = plan.settings.output.upload
        told = {"folder": str(session.kept), "upload": upload, "run": plan.run}
        with contextlib.suppress(OSError):  # nobody listens
            os.write(sys.stdout.fileno(), msgspec.json.encode(told) + b"\n")


def main() -> None:
    """Connect to the master and serve it until it says quit."""
    prepare("worker")
    lines = parent_lines()
    told = next(lines, b"").decode().split()
    if not told:
        return  # the parent ended before there was a master
    host, _, port = told[0].rpartition(":")
    # Options that exist already keep Locust from building its argument parser on every spawn message.
    environment = Environment(user_classes=[ClosedLoopUser], parsed_options=_no_options())
    joined: list[Worker] = []
    # Before there is a master: looking for one that is away takes minutes.
    die_with_parent(lines, lambda: _finish(joined))
    runner = environment.create_worker_runner(host, int(port))
    joined.append(Worker(runner, told[1], local=told[2:] == ["local"]))
    runner.greenlet.join()
    _finish(joined)


def _finish(joined: list[Worker]) -> None:
    for worker in joined:
        worker.finish()


def _no_options() -> Namespace:
    return Namespace(stop_timeout=0.0, web_base_path="", headless=True, enable_rebalancing=False)


if __name__ == "__main__":
    main()
