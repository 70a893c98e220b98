"""Facts about telling a collector of a run while it goes on."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from inferswarm.config.tree import RunConfig
from inferswarm.otel.counted import counted
from inferswarm.otel.sender import AWAY_LIMIT_S, Sender, Silence
from inferswarm.records import Record
from inferswarm.snapshot import take
from inferswarm.storage import RecordWriter, RunFolder
from inferswarm.summary import Summary
from inferswarm.traces import Traces
from inferswarm.verdict import Client
from tests.builders import record
from tests.otlp import Received, receiver
from tests.servers import answering, free_port

RUN = {"id": "r1", "model": "m"}
DURATION = "gen_ai.client.operation.duration"
TRACES = Traces("r1", 1.0)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def wait_for(condition: Callable[[], object]) -> None:
    """Wait for something that the thread does."""
    end_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def sender(tmp_path: Path, url: str, told: list[str]) -> Sender:
    """The sender of a run with a folder there, whose every request has a trace."""
    (tmp_path / "records").mkdir()
    telemetry = {"otlp": url, "trace_sample": 1.0, "otlp_interval": "1s"}
    config = RunConfig.model_validate({"target": {"url": "h:1"}, "telemetry": telemetry})
    return Sender(RunFolder(tmp_path), config, RUN, told.append)


def event(name: str, *records: Record) -> dict[str, object]:
    """The master's words once these records were counted."""
    summary = Summary()
    summary.add_all(records)
    if name == "snapshot":
        shot = msgspec.to_builtins(take(summary, Client()))
        return {"event": name, "users": 4, "in_flight": 2, "workers": 1, "snapshot": shot}
    return {"event": name, "counted": msgspec.to_builtins(counted(summary))}


def value(received: Received, name: str) -> int:
    """The value of a gauge in the last message that has it."""
    return int(received.points(name)[0][1].as_int)


def write(tmp_path: Path, *numbers: int) -> list[Record]:
    """Records of a run on disk."""
    records = [record(k=k, trace=TRACES.id_of(k)) for k in numbers]
    writer = RecordWriter(tmp_path / "records", "r1", 0, 1 << 20, recorder="x", clock="y")
    writer.write(records)
    writer.close()
    return records


def test_the_last_word_arrives_with_all_spans(tmp_path: Path) -> None:
    """Counts of the whole run, users at 0, each sampled request once; nothing is to be noted."""
    told: list[str] = []
    with receiver() as received, sender(tmp_path, received.url, told) as one:
        wait_for(lambda: received.metrics)
        one.hear({"event": "started"})
        one.hear(event("snapshot", record()))
        one.hear(event("counted", record()))
        wait_for(lambda: received.points("inferswarm.users"))
        assert value(received, "inferswarm.users") == 4
        records = write(tmp_path, *range(5))
        one.hear(event("ended", *records))
        assert one.finish() == []
        assert received.points(DURATION)[0][1].count == 5
        assert value(received, "inferswarm.users") == 0
        spans = [span.trace_id.hex() for span in received.spans()]
    assert sorted(spans) == sorted(record.trace for record in records)
    assert told == []


def test_nobody_there_costs_a_moment_and_is_told_once(tmp_path: Path) -> None:
    """On the way in a line, and at the end in a note that says what is missing."""
    told: list[str] = []
    url = f"http://127.0.0.1:{free_port()}"
    with sender(tmp_path, url, told) as one:
        wait_for(lambda: told)
        write(tmp_path, 1, 2)
        one.hear(event("ended", record()))
        began_s = time.monotonic()
        (note,) = one.finish()
        assert time.monotonic() - began_s < AWAY_LIMIT_S + 3
    assert told == [
        f"OpenTelemetry data is not taken by {url} (Connection refused); the run goes on"
    ]
    assert note.startswith(f"OpenTelemetry data was not taken by {url} (Connection refused)")
    assert "it lacks the last metrics" in note


def test_a_collector_that_comes_back_gets_everything(tmp_path: Path) -> None:
    """Newest counts and all spans; the note says that it was away."""
    told: list[str] = []
    with receiver() as received:
        received.status = 400
        with sender(tmp_path, received.url, told) as one:
            write(tmp_path, *range(3))
            wait_for(lambda: told and len(received.headers) > 1)
            received.status = 200
            one.hear(event("ended", record()))
            (note,) = one.finish()
        assert received.points(DURATION)[0][1].count == 1
        assert len(received.spans()) == 3
    assert note.endswith("(HTTP 400 Bad Request): at times only")
    assert len(told) == 1


def test_spans_that_are_refused_are_missed(tmp_path: Path) -> None:
    """The note says how many there are."""
    with receiver() as received, sender(tmp_path, received.url, []) as one:
        wait_for(lambda: received.metrics)
        received.status = 403
        write(tmp_path, 1)
        one.hear(event("ended", record()))
        (note,) = one.finish()
    assert "it lacks the last metrics" in note
    assert "it has spans of 0 requests" in note


def test_who_breaks_off_waits_for_nothing(tmp_path: Path) -> None:
    """Without `finish` the thread ends with the context."""
    with receiver() as received, sender(tmp_path, received.url, []) as one:
        wait_for(lambda: received.metrics)
    assert not one._thread.is_alive()


def test_a_bug_of_ours_is_a_note_and_costs_no_run(tmp_path: Path) -> None:
    """Whatever the master says: here a snapshot of another shape."""
    told: list[str] = []
    with receiver() as received, sender(tmp_path, received.url, told) as one:
        wait_for(lambda: received.metrics)
        one.hear({"event": "snapshot"})
        one.hear(event("ended", record()))
        (note,) = one.finish()
    assert "internal error: KeyError" in note
    assert len(told) == 1


def test_silence_tells_nobody() -> None:
    """And has nothing to note."""
    with Silence() as nobody:
        nobody.hear({"event": "started"})
        assert nobody.finish() == []


def test_a_collector_that_never_answers_costs_a_moment(tmp_path: Path) -> None:
    """It takes the connection and says nothing: what is on its way is given up."""
    with answering(None) as silent:
        with sender(tmp_path, f"http://127.0.0.1:{silent.port}", []) as one:
            one.hear(event("ended", record()))
            began_s = time.monotonic()
            (note,) = one.finish()
            assert time.monotonic() - began_s < AWAY_LIMIT_S + 3
        assert "(it took too long): it lacks the last metrics" in note
