"""A locustfile as people write it: FastHttpUser, lines read and parsed while they stream."""

import itertools
import json
import time
from typing import Any

import gevent
from locust import FastHttpUser, constant, events, task

from bench.clients.samples import SampleFile
from bench.clients.script import Task

TASK = Task.here()
BODY = TASK.body
SAMPLES = SampleFile(TASK.out / "samples.bin")


class Reader(FastHttpUser):
    """Asks, reads, reports, asks again."""

    wait_time = constant(0)
    answered = 0

    @task
    def ask(self) -> None:
        """One request."""
        if TASK.stream:
            self._ask_streamed()
        else:
            self._ask_whole()
        Reader.answered += 1
        if TASK.requests and Reader.answered == TASK.requests:
            # From a greenlet of its own: it waits for all users to end, and this is one of them.
            gevent.spawn(self.environment.runner.quit)

    def _ask_streamed(self) -> None:
        sent_ns, sent = time.time_ns(), time.perf_counter_ns()
        token_ns: list[int] = []
        tokens = 0
        with self.client.post(
            "/v1/completions", json=BODY, stream=True, catch_response=True, name="stream"
        ) as response:
            stream: Any = response.stream
            while line := stream.readline(b"\n"):
                if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                    continue
                at = time.perf_counter_ns()
                event = json.loads(line[6:])
                if event["choices"] and event["choices"][0]["text"]:
                    token_ns.append(at - sent)
                elif event["usage"]:
                    tokens = event["usage"]["completion_tokens"]
        if tokens != len(token_ns):
            return
        SAMPLES.add(sent_ns, token_ns)
        self._report("TTFT", token_ns[0])
        gaps = [late - early for early, late in itertools.pairwise(token_ns)]
        self._report("ITL", sum(gaps) // max(1, len(gaps)))

    def _report(self, kind: str, value_ns: int) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name="stream",
            response_time=value_ns / 1e6,
            response_length=0,
            exception=None,
            context={},
        )

    def _ask_whole(self) -> None:
        sent_ns, sent = time.time_ns(), time.perf_counter_ns()
        answer: Any = self.client.post("/v1/completions", json=BODY, name="whole").json()
        if answer["usage"]["completion_tokens"]:
            SAMPLES.add(sent_ns, [time.perf_counter_ns() - sent])


@events.test_stop.add_listener  # type: ignore[untyped-decorator]  # Locust's hook has no types
def keep(**_: Any) -> None:
    """Write what is left."""
    SAMPLES.flush()
