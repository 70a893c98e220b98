"""Serving of generations: slots and queue, the steps of each answer, injected failures, the truth."""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

from msgspec.structs import replace

from inferswarm.clock import now_ns
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.scales import NS_PER_S
from inferswarm.simulator import pacing
from inferswarm.simulator.agenda import Agenda
from inferswarm.simulator.generation import (
    Answer,
    Generation,
    Reply,
    Request,
    Serving,
    WireFormat,
)
from inferswarm.simulator.metrics import Tally
from inferswarm.simulator.pacing import Fate
from inferswarm.simulator.prefix_cache import PrefixCache
from inferswarm.simulator.truth import Outcome, TruthRow
from inferswarm.traces import HEADER


class Line(Protocol):
    """The way back to the client of a job, and how answers look on it."""

    def head(self, answer: Answer, *, keep_alive: bool) -> bytes:
        """The head of a streamed answer."""

    def chunk(self, event: bytes) -> bytes:
        """One event of a stream."""

    def ending(self, events: tuple[bytes, ...], *, failed: bool) -> bytes:
        """The last events and the end of a stream, which has failed or not."""

    def whole(self, reply: Reply, *, keep_alive: bool) -> bytes:
        """An answer that is known in full."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def answered(self) -> None:
        """The answer is complete."""

    def hang_up(self) -> None:
        """Close the connection in the middle of the answer."""


class Job:
    """One generation on its way; changed by the service only."""

    __slots__ = (
        "answer", "asked", "broken_chunk", "chunk", "due_ns", "fate", "head_ns", "line", "number",
        "over", "request", "serving", "started_ns", "status", "token_ns", "total", "wire_format",
    )  # fmt: skip

    def __init__(
        self, number: int, request: Request, asked: Generation, wire_format: WireFormat, line: Line
    ) -> None:
        """A job that waits for its start."""
        self.number, self.request, self.asked = number, request, asked
        self.wire_format, self.line = wire_format, line
        self.started_ns = self.head_ns = self.status = self.chunk = self.total = 0
        self.token_ns: list[int] = []
        self.over = False
        self.fate = Fate.ANSWERED
        self.broken_chunk = -1
        self.answer: Answer
        self.serving: Serving
        self.due_ns: Iterator[int]


class Service:
    """Serves jobs in order of arrival, at most `max_concurrency` at once."""

    def __init__(
        self, options: SimulatorOptions, agenda: Agenda, log: Callable[[TruthRow], None]
    ) -> None:
        """A service without jobs; `log` gets one row per request."""
        self._options, self._agenda, self._log = options, agenda, log
        self._tally = Tally()
        self._slots = options.max_concurrency
        self._cache = PrefixCache() if options.prefix_cache else None
        self._queue: deque[Job] = deque()
        self._running: dict[int, Job] = {}
        self._filling = False
        self._numbers = 0
        self.stopping = False

    def number(self) -> int:
        """The number of the next request, from 0."""
        self._numbers += 1
        return self._numbers - 1

    def metrics(self) -> Reply:
        """What a monitoring system is told."""
        waiting = sum(not job.over for job in self._queue)
        return self._tally.page(self._options.model, len(self._running), waiting)

    def submit(self, job: Job, ready_ns: int) -> None:
        """Serve a job from `ready_ns` on, when its request had arrived, or when a slot is free."""
        self._queue.append(job)
        self._fill_slots(ready_ns)

    def client_gone(self, job: Job) -> None:
        """The client of a job has closed its connection."""
        if not job.over:
            self._end(job, "hang" if job.fate is Fate.HANG else "client_gone")

    def stop(self) -> None:
        """End every job by closing its connection; nothing is served afterwards."""
        self.stopping = True
        waiting = [job for job in self._queue if not job.over]
        self._queue.clear()
        for job in [*self._running.values(), *waiting]:
            self._end(job, "hang" if job.fate is Fate.HANG else "hangup")
            job.line.hang_up()

    def log_unserved(self, request: Request, outcome: Outcome, status: int, head_ns: int) -> None:
        """Log a request that never became a job."""
        nothing = Generation("", 0, 0, stream=False)
        self._write_row(self.number(), request, nothing, 0, head_ns, [], outcome, status)

    def _fill_slots(self, start_ns: int) -> None:
        # Starting a job may end it at once, which frees a slot: loop instead of recursing.
        if self._filling:
            return
        self._filling = True
        while self._queue and (not self._slots or len(self._running) < self._slots):
            job = self._queue.popleft()
            if not job.over:
                self._start(job, start_ns)
        self._filling = False

    def _start(self, job: Job, start_ns: int) -> None:
        job.started_ns = start_ns
        options, asked = self._options, self._looked_up(job)
        self._running[job.number] = job
        rng = pacing.draws(options, job.number)
        job.fate = pacing.fate(options, rng)
        job.total = pacing.output_tokens(options, asked.max_tokens)
        accepted_ns = job.request.accepted_ns
        created_s = accepted_ns // NS_PER_S
        job.serving = Serving(job.number, created_s, job.total, accepted_ns, start_ns)
        job.answer = job.wire_format.answer(asked, job.serving)
        if job.fate is Fate.HANG:
            return
        if job.fate is Fate.HTTP_ERROR:
            self._fail_whole(job, job.answer.refusal())
            return
        chunks = pacing.chunk_count(options, job.total)
        if job.fate is not Fate.ANSWERED:
            job.broken_chunk = chunks // 2
        job.due_ns = map(
            job.started_ns.__add__, pacing.due_offsets_ns(options, rng, asked.prefill_tokens)
        )
        if asked.stream:
            if job.answer.early_head:
                self._write_head(job)
            self._agenda.add(next(job.due_ns), job.number, lambda: self._stream_step(job))
        else:
            last = chunks - 1 if job.broken_chunk < 0 else job.broken_chunk
            due_ns = job.serving.first_ns = next(job.due_ns)
            if last:
                due_ns = next(islice(job.due_ns, last - 1, None))
            self._agenda.add(due_ns, job.number, lambda: self._whole_step(job))

    def _looked_up(self, job: Job) -> Generation:
        """What is asked, with what of its prompt is in the cache."""
        if self._cache is not None:
            job.asked = replace(job.asked, cached_tokens=self._cache.take(job.asked.tokens))
        return job.asked

    def _write_head(self, job: Job) -> None:
        head = job.line.head(job.answer, keep_alive=job.request.keep_alive)
        job.head_ns, job.status = now_ns(), 200
        job.line.write(head)

    def _open_stream(self, job: Job) -> None:
        """Write what comes before the first token."""
        if not job.head_ns:
            self._write_head(job)
        for event in job.answer.opening():
            job.line.write(job.line.chunk(event))

    def _stream_step(self, job: Job) -> int:
        """Write the chunk that is due; gives the instant of the next one, or 0."""
        if job.over:
            return 0
        if job.chunk == job.broken_chunk:
            return self._break_stream(job)
        first = job.chunk * self._options.tokens_per_chunk
        after = min(first + self._options.tokens_per_chunk, job.total)
        if not first:
            job.serving.first_ns = now_ns()
        if after == job.total:
            job.serving.last_ns = now_ns()
        data = job.line.chunk(job.answer.tokens(first, after))
        if not first:
            self._open_stream(job)
        written_ns = now_ns()
        job.line.write(data)
        job.token_ns.extend([written_ns] * (after - first))
        job.chunk += 1
        if after < job.total:
            return next(job.due_ns)
        self._finish_stream(job, job.answer.ending(), "ok")
        return 0

    def _finish_stream(self, job: Job, events: tuple[bytes, ...], outcome: Outcome) -> None:
        job.line.write(job.line.ending(events, failed=outcome != "ok"))
        self._end(job, outcome)
        job.line.answered()

    def _break_stream(self, job: Job) -> int:
        if job.fate is Fate.HANGUP:
            self._hang_up(job, "hangup")
        elif not job.head_ns:
            self._fail_whole(job, job.answer.refusal())
        elif events := job.answer.failure():
            self._finish_stream(job, events, "stream_error")
        else:
            self._hang_up(job, "stream_error")
        return 0

    def _whole_step(self, job: Job) -> int:
        if job.over:
            return 0
        job.serving.last_ns = now_ns()
        if job.fate is Fate.HANGUP:
            self._hang_up(job, "hangup")
        elif job.fate is Fate.STREAM_ERROR:
            self._fail_whole(job, job.answer.broken())
        else:
            self._answer_whole(job, job.answer.whole(), "ok")
        return 0

    def _fail_whole(self, job: Job, reply: Reply) -> None:
        """Some servers tell of a failure under HTTP 200."""
        self._answer_whole(job, reply, "http_error" if reply.status >= 400 else "stream_error")

    def _answer_whole(self, job: Job, reply: Reply, outcome: Outcome) -> None:
        data = job.line.whole(reply, keep_alive=job.request.keep_alive)
        job.head_ns, job.status = now_ns(), reply.status
        if outcome == "ok":
            job.token_ns = [job.head_ns] * job.total
        job.line.write(data)
        self._end(job, outcome)
        job.line.answered()

    def _hang_up(self, job: Job, outcome: Outcome) -> None:
        job.line.hang_up()
        self._end(job, outcome)

    def _end(self, job: Job, outcome: Outcome) -> None:
        job.over = True
        self._running.pop(job.number, None)
        self._write_row(
            job.number, job.request, job.asked, job.started_ns, job.head_ns, job.token_ns,
            outcome, job.status,
        )  # fmt: skip
        if not self.stopping:
            self._fill_slots(now_ns())

    def _write_row(
        self, number: int, request: Request, asked: Generation, started_ns: int, head_ns: int,
        token_ns: list[int], outcome: Outcome, status: int,
    ) -> None:  # fmt: skip
        row = TruthRow(
            request=number,
            route=request.path,
            stream=asked.stream,
            model=asked.model,
            accepted_ns=request.accepted_ns,
            started_ns=started_ns,
            head_ns=head_ns,
            token_ns=token_ns,
            end_ns=now_ns(),
            prompt_tokens=asked.prompt_tokens,
            output_tokens=len(token_ns),
            outcome=outcome,
            status=status,
            messages=asked.messages,
            digest=asked.digest,
            cached_tokens=asked.cached_tokens,
            traceparent=request.headers.get(HEADER, ""),
        )
        self._tally.add(row)
        self._log(row)
