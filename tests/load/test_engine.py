"""The engine: exactly one record of each request, read when idle, drained in order."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import gevent
import msgspec
from gevent import monkey

from inferswarm.adapters import Wanted
from inferswarm.adapters.openai import COMPLETIONS
from inferswarm.adapters.table import route
from inferswarm.arrivals.build import build_arrivals
from inferswarm.arrivals.trace import Row, TraceArrivals
from inferswarm.clock import now_ns
from inferswarm.config.arrivals import ArrivalOptions
from inferswarm.config.target import TargetOptions
from inferswarm.exchange import Exchange, Outcome, Tape
from inferswarm.load.backlog import LIMIT_BYTES, Backlog
from inferswarm.load.engine import Engine, Schedule
from inferswarm.load.streams import Loan, Streams, all_of
from inferswarm.load.transport import Timeouts
from inferswarm.load.transport.gevent_recorder import GeventRecorder
from inferswarm.load.transport.http import HttpTransport
from inferswarm.prompts import Prompt, Prompts
from inferswarm.prompts.recipe import Recipe
from inferswarm.prompts.salt import Salt
from inferswarm.records import Record
from inferswarm.target import Endpoint, Wire
from inferswarm.traces import Traces, traceparent
from inferswarm.verdict import Client
from tests.builders import asked
from tests.load.servers import (
    FINISH,
    STREAM_END,
    STREAM_HEAD,
    Script,
    Served,
    read_request,
    scripted,
    token,
)

S = 1_000_000_000
TWO = (Prompt("one"), Prompt("two"))


def three_tokens(sock: gevent.socket.socket, served: Served) -> None:
    """Answer every request with a stream of three tokens."""
    while read_request(sock, served):
        sock.sendall(STREAM_HEAD + token() + token() + token() + FINISH + STREAM_END)


def silent(sock: gevent.socket.socket, served: Served) -> None:
    """Take a request and never answer."""
    read_request(sock, served)
    gevent.sleep(30)


@contextmanager
def engine_on(
    script: Script,
    streams: Streams | None = None,
    requests: int | None = None,
    prompts: Sequence[Prompt] | Prompts = TWO,
    api: str = "completions",
    **options: Any,
) -> Iterator[tuple[Engine, list[Record]]]:
    """An engine that asks a scripted server, and the records it makes."""
    records: list[Record] = []
    with scripted(script) as (port, _):
        target = TargetOptions.model_validate({"url": f"127.0.0.1:{port}"})
        transport = HttpTransport(
            Endpoint.of(target), Timeouts(S, 5 * S, 5 * S, 5 * S), GeventRecorder()
        )
        engine = Engine(
            transport,
            Wire.of(target),
            prompts if isinstance(prompts, Prompts) else Prompts(prompts),
            route("openai", api),
            Wanted(model="m"),
            streams or all_of(0, 1),
            [records.extend],
            requests=requests,
            **options,
        )
        try:
            yield engine, records
        finally:
            engine.close()
            transport.close()


def test_each_request_becomes_one_record() -> None:
    """Five asked, five recorded, in their order, with their tokens."""
    with engine_on(three_tokens) as (engine, records):
        for _ in range(5):
            assert engine.ask()
        engine.drain(1)
        summary, client = engine.take_delta()

    assert [record.k for record in records] == [0, 1, 2, 3, 4]
    assert all(record.ok and record.output_tokens == 3 for record in records)
    assert summary.attempted == 5
    assert client.recorder == "gevent"


def test_records_are_made_while_the_loop_is_idle() -> None:
    """No drain is needed: answers are read as soon as nothing else is to do."""
    with engine_on(three_tokens) as (engine, records):
        engine.ask()
        with gevent.Timeout(5):
            while not records:
                gevent.sleep(0.001)

    assert records[0].ok


def test_a_share_is_every_nth_arrival_below_its_limit() -> None:
    """Worker 1 of 3 with a limit of 8 asks 1, 4 and 7, then has none left."""
    with engine_on(three_tokens, all_of(1, 3), requests=8) as (engine, records):
        asked = 0
        while engine.ask():
            asked += 1
        engine.drain(1)

    assert asked == 3
    assert [record.k for record in records] == [1, 4, 7]
    assert engine.exhausted.is_set()


def test_the_shares_of_all_workers_make_the_whole() -> None:
    """Whatever the number of workers, every arrival below the limit is asked once."""
    for workers in (1, 2, 3, 5):
        numbers = []
        for worker in range(workers):
            with engine_on(three_tokens, all_of(worker, workers), 11) as (engine, records):
                while engine.ask():
                    pass
                engine.drain(1)
            numbers += [record.k for record in records]
        assert sorted(numbers) == list(range(11))


def test_draining_waits_for_answers_within_the_grace() -> None:
    """An answer that comes in time is not cut."""

    def slow(sock: gevent.socket.socket, served: Served) -> None:
        read_request(sock, served)
        gevent.sleep(0.2)
        sock.sendall(STREAM_HEAD + token() + FINISH + STREAM_END)

    with engine_on(slow) as (engine, records):
        gevent.spawn(engine.ask)
        while not engine.in_flight:
            gevent.sleep(0.001)
        engine.drain(5)

    assert [record.outcome for record in records] == [Outcome.OK]


def test_draining_cuts_what_outlasts_the_grace() -> None:
    """What is left is recorded as cancelled, each once, and nothing more is asked."""
    with engine_on(silent) as (engine, records):
        for _ in range(4):
            gevent.spawn(engine.ask)
        while engine.in_flight < 4:
            gevent.sleep(0.001)
        engine.drain(0.1)
        assert not engine.ask()

    assert [record.outcome for record in records] == [Outcome.CANCELLED] * 4
    assert engine.in_flight == 0


def test_a_killed_user_leaves_its_record() -> None:
    """Locust kills greenlets; the arrival is still recorded, once, as cancelled."""
    with engine_on(silent) as (engine, records):
        user = gevent.spawn(engine.ask)
        while not engine.in_flight:
            gevent.sleep(0.001)
        user.kill()
        engine.drain(0)

    assert [record.outcome for record in records] == [Outcome.CANCELLED]


def test_a_delta_is_taken_once() -> None:
    """What was handed out is not counted again."""
    with engine_on(three_tokens) as (engine, _):
        engine.ask()
        engine.drain(1)
        first, _ = engine.take_delta()
        second, _ = engine.take_delta()

    assert (first.attempted, second.attempted) == (1, 0)


def test_a_backlog_beyond_its_bound_is_read_in_turn_and_counted() -> None:
    """A loop that is never idle must not let answers pile up without limit."""
    records: list[Record] = []
    large = Exchange(due_ns=1, sent_ns=2, end_ns=3, tape=Tape(b"x" * (LIMIT_BYTES // 30)))
    backlog = Backlog(COMPLETIONS, [records.extend], ())
    for k in range(60):
        backlog.put(large, replace(asked(), k=k))
    with gevent.Timeout(20):
        while len(records) < 30:
            gevent.sleep(0)
    backlog.read_all()
    client = Client()
    summary = backlog.take(client)
    backlog.close()

    assert [one.k for one in records] == list(range(60))
    assert summary.attempted == 60
    assert client.parse_turns_forced > 0
    assert client.parse_backlog_max == 60


def test_health_is_watched_all_the_time() -> None:
    """A blocked loop shows in the loop lag."""
    blocking_sleep = monkey.get_original("time", "sleep")
    with engine_on(three_tokens) as (engine, _):
        gevent.sleep(0.15)
        blocking_sleep(0.3)
        gevent.sleep(0.2)
        _, client = engine.take_delta()

    assert client.loop_lag.high > 100_000_000


def bodies(prompts: Prompts, ask: Callable[[Engine], object]) -> tuple[list[Any], list[Record]]:
    """What a server was asked, in the order of asking, and the records of it."""
    seen: list[bytes] = []

    def script(sock: gevent.socket.socket, served: Served) -> None:
        while read_request(sock, served):
            seen.append(served.requests[-1])
            sock.sendall(STREAM_HEAD + token() + FINISH + STREAM_END)

    with engine_on(script, prompts=prompts) as (engine, records):
        ask(engine)
        engine.drain(1)
    return [msgspec.json.decode(one.partition(b"\r\n\r\n")[2]) for one in seen], records


def test_a_prompt_is_asked_with_its_ids_and_its_length() -> None:
    """In place of its text, and of the run's length; the record says what was asked."""
    prompts = Prompts([Prompt("text", ids=[5, 6, 7], output_tokens=9)])
    (body,), (record,) = bodies(prompts, Engine.ask)

    assert (body["prompt"], body["max_tokens"]) == ([5, 6, 7], 9)
    assert record.asked_tokens == 9


def test_without_a_length_of_its_own_it_is_the_runs() -> None:
    """The record says that too."""
    (body,), (record,) = bodies(Prompts([Prompt("text")]), Engine.ask)

    assert body["max_tokens"] == record.asked_tokens == Wanted().max_output_tokens


def test_each_request_begins_with_a_salt_of_its_own() -> None:
    """The same prompt is never the same request."""
    salt = Salt("run")
    asked_for, _ = bodies(
        Prompts([Prompt("text")], salt=salt), lambda engine: (engine.ask(), engine.ask())
    )

    assert [body["prompt"] for body in asked_for] == [salt.text(k) + "text" for k in (0, 1)]


def test_arrivals_of_a_trace_have_its_lengths() -> None:
    """Prompts are made for them, and their lengths of answers go before the prompt's own."""
    rows = [Row(0, 3, 30), Row(S // 100, None, 31), Row(S // 50, 5, None)]
    trace = TraceArrivals.scaled("t", rows)
    recipe = Recipe(pieces=["a", "b"])
    prompts = Prompts([Prompt("own", output_tokens=7)], recipe=recipe)

    def play(engine: Engine) -> None:
        player = gevent.spawn(engine.play, Schedule(trace, now_ns() + S // 10), 10)
        with gevent.Timeout(20):
            engine.exhausted.wait()
            engine.drain(5)
            player.join()

    asked_for, records = bodies(prompts, play)
    asked_for.sort(key=lambda body: len(body["prompt"].split()))
    lengths = [(len(body["prompt"].split()), body["max_tokens"]) for body in asked_for]
    usual = Wanted().max_output_tokens

    assert lengths == [(1, 31), (3, 30), (5, usual)]
    assert sorted(one.asked_tokens for one in records) == [30, 31, usual]


def played(engine: Engine, rate: str, until_s: float, start_ns: int, most: int = 100) -> None:
    """Play an even schedule to its end in a greenlet of its own, then drain."""
    arrivals = build_arrivals(ArrivalOptions.model_validate({"rate": rate, "process": "constant"}))
    assert arrivals is not None
    schedule = Schedule(arrivals, start_ns, int(until_s * S))
    player = gevent.spawn(engine.play, schedule, most)
    with gevent.Timeout(20):
        engine.exhausted.wait()
        engine.drain(5)
        player.join()


def test_an_open_loop_sends_every_arrival_when_it_is_due() -> None:
    """Each arrival before the end is sent once, never before its time, and bears its due time."""
    with engine_on(three_tokens) as (engine, records):
        start_ns = now_ns() + S // 10
        played(engine, "100/s", 0.5, start_ns)

    due_ns = sorted(one.due_ns - start_ns for one in records)
    assert due_ns == [k * S // 100 for k in range(50)]
    assert all(one.sent_ns >= one.due_ns for one in records)


def test_an_open_loop_does_not_wait_for_answers() -> None:
    """A server that is slow to answer is asked again when the schedule says so."""

    def slow(sock: gevent.socket.socket, served: Served) -> None:
        read_request(sock, served)
        gevent.sleep(0.5)
        sock.sendall(STREAM_HEAD + token() + FINISH + STREAM_END)

    with engine_on(slow) as (engine, records):
        played(engine, "20/s", 0.5, now_ns())

    assert len(records) == 10
    assert max(one.due_ns for one in records) < min(one.end_ns for one in records)


def test_what_the_bound_holds_back_keeps_its_due_time() -> None:
    """With one request at a time, later ones are sent late, and say so."""

    def slow(sock: gevent.socket.socket, served: Served) -> None:
        while read_request(sock, served):
            gevent.sleep(0.1)
            sock.sendall(STREAM_HEAD + token() + FINISH + STREAM_END)

    with engine_on(slow) as (engine, records):
        played(engine, "50/s", 0.1, now_ns(), most=1)

    assert len(records) == 5
    ordered = sorted(records, key=lambda one: one.k)
    assert all(late.sent_ns >= early.end_ns for early, late in pairwise(ordered))
    assert ordered[-1].sent_ns - ordered[-1].due_ns > 3 * S // 10


def test_a_stream_lent_later_is_played_from_its_first_arrival_on() -> None:
    """Who gets a stream in the middle goes on where it is told, with the epoch it is told."""
    streams = Streams(2)
    with engine_on(three_tokens, streams) as (engine, records):
        engine.lend(1, [Loan(0, 0, 0)], math.inf)
        gevent.spawn_later(0.15, engine.lend, 2, [Loan(0, 0, 0), Loan(1, 21, 1)], math.inf)
        played(engine, "100/s", 0.4, now_ns())

    found = {one.k: one.epoch for one in records}
    assert found == dict.fromkeys(range(0, 40, 2), 0) | dict.fromkeys(range(21, 40, 2), 1)


def test_arrivals_are_dropped_and_counted_when_the_loan_has_run_out() -> None:
    """Without a word of the master somebody else may send them."""
    with engine_on(three_tokens, Streams(1)) as (engine, records):
        engine.lend(1, [Loan(0, 0, 0)], time.monotonic_ns() + S // 5)
        played(engine, "50/s", 0.4, now_ns())
        _, client = engine.take_delta()

    assert len(records) + client.lost_lease == 20
    assert client.lost_lease >= 5
    assert [one.k for one in records] == list(range(len(records)))


def test_sampled_requests_have_a_trace_that_the_server_is_told() -> None:
    """Those of the rule alone, in the record as in the request."""
    heads: list[bytes] = []

    def listening(sock: gevent.socket.socket, served: Served) -> None:
        while read_request(sock, served):
            heads.append(served.requests[-1])
            sock.sendall(STREAM_HEAD + token() + FINISH + STREAM_END)

    traces = Traces("r", 0.5)
    with engine_on(listening, traces=traces) as (engine, records):
        for _ in range(12):
            assert engine.ask()
        engine.drain(1)

    wanted = [traces.id_of(k) for k in range(12)]
    assert [record.trace for record in records] == wanted
    assert 0 < sum(map(bool, wanted)) < 12
    for head, trace in zip(heads, wanted, strict=True):
        assert (b"traceparent: " in head) is bool(trace)
        assert not trace or f"traceparent: {traceparent(trace)}\r\n".encode() in head
