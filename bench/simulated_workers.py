"""`python -m bench.simulated_workers`: many workers in one process that report requests nobody sent.

They speak as real ones do (greeting, plan, loans, beats, deltas, last word); only their records are
made up. So a master can be measured with more workers than a machine has cores. The first line of
input is HOST:PORT, token, number of workers, requests a second and tokens each; it ends with its input.
"""

import random
from typing import Any

import gevent
from locust import User, task
from locust.env import Environment

from inferswarm.clock import now_ns
from inferswarm.exchange import Outcome
from inferswarm.load import messages
from inferswarm.load.merge import DeltaSender, Gauges
from inferswarm.load.plan import digest
from inferswarm.load.process import die_with_parent, parent_lines, prepare
from inferswarm.load.worker import _no_options
from inferswarm.records import Record
from inferswarm.scales import NS_PER_MS
from inferswarm.summary import Summary
from inferswarm.verdict import Client


class ClosedLoopUser(User):
    """Stands where the real user of this name would."""

    @task
    def stand(self) -> None:
        """Nothing."""
        gevent.sleep(3_600)


class SimulatedWorker:
    """One of them."""

    def __init__(self, address: str, token: str, each_s: float, tokens: int) -> None:
        host, _, port = address.rpartition(":")
        environment = Environment(user_classes=[ClosedLoopUser], parsed_options=_no_options())
        self._runner = environment.create_worker_runner(host, int(port))
        self._each_s, self._tokens, self._k = each_s, tokens, 0
        self._owed = 0.0
        self._loans = 0
        self._final = False
        self._sender = DeltaSender(lambda packed: self._tell(messages.DELTA, {"delta": packed}))
        for kind, answer in (
            (messages.PLAN, self._on_plan),
            (messages.LOANS, self._on_loans),
            (messages.ACK, lambda told: self._sender.acknowledged(told["number"])),
            (messages.DRAIN, self._on_drain),
            (messages.START, lambda _: None),
        ):
            self._hear(kind, answer)
        self._tell(messages.HELLO, {"token": token, "local": True})

    def join(self) -> None:
        """Wait until the master has sent it home."""
        self._runner.greenlet.join()

    def _hear(self, kind: str, answer: Any) -> None:
        def heard(environment: Environment, msg: Any) -> None:
            answer(msg.data)

        self._runner.register_message(kind, heard)

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        self._runner.send_message(kind, data)

    def _on_plan(self, told: dict[str, Any]) -> None:
        self._tell(messages.READY, {"digest": digest(told["plan"])})
        gevent.spawn(self._beat)
        gevent.spawn_later(random.random(), self._report)

    def _on_loans(self, told: dict[str, Any]) -> None:
        self._loans = told["number"]

    def _on_drain(self, _: dict[str, Any]) -> None:
        self._final = True

    def _beat(self) -> None:
        while not self._final:
            beat = {"sent_ns": now_ns(), "number": self._loans, "progress": []}
            self._tell(messages.BEAT, beat)
            gevent.sleep(0.5)

    def _report(self) -> None:
        while not self._final:
            self._owed += self._each_s
            count = int(self._owed)
            self._owed -= count
            self._push(count)
            gevent.sleep(1)
        self._push(0)

    def _push(self, count: int) -> None:
        summary = Summary()
        summary.add_all([self._record() for _ in range(count)])
        self._sender.push(summary, Client(cpu_share_max=0.5), Gauges(final=self._final))

    def _record(self) -> Record:
        self._k += 1
        first_ns = int(random.lognormvariate(0, 0.3) * 80 * NS_PER_MS)
        chunk_ns = [first_ns]
        for _ in range(self._tokens - 1):
            chunk_ns.append(chunk_ns[-1] + int(random.gauss(20, 2) * NS_PER_MS))
        sent_ns = now_ns() - chunk_ns[-1]
        return Record(
            k=self._k,
            due_ns=sent_ns - 100_000,
            sent_ns=sent_ns,
            end_ns=sent_ns + chunk_ns[-1],
            outcome=Outcome.OK,
            status=200,
            streamed=True,
            chunk_ns=chunk_ns,
            first_byte_ns=first_ns,
            input_tokens=random.randrange(2_000),
            input_source="server_usage",
            output_tokens=self._tokens,
            output_source="server_usage",
        )


def main() -> None:
    """Start them and wait for the end."""
    prepare("simulated workers")
    lines = parent_lines()
    address, token, workers, rate_per_s, tokens = next(lines).decode().split()
    each_s = float(rate_per_s) / int(workers)
    kept = [SimulatedWorker(address, token, each_s, int(tokens)) for _ in range(int(workers))]
    die_with_parent(lines, lambda: None)
    for worker in kept:
        worker.join()


if __name__ == "__main__":
    main()
