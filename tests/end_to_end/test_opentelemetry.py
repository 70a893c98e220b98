"""Facts about runs that tell a collector of OpenTelemetry how they go."""

from pathlib import Path

import msgspec
import pytest

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.otel.counted import counted
from inferswarm.otel.declared import METRICS
from inferswarm.remote import MasterClient, MasterRefusedError, MasterSilentError
from inferswarm.scales import NS_PER_S
from inferswarm.simulator.process import RunningSimulator
from inferswarm.summary import Summary
from inferswarm.traces import Traces, span_id, traceparent
from tests.end_to_end.command import command, records_of, started, summary_of, wait_for
from tests.otlp import Received, attributes, receiver
from tests.servers import free_port

DURATION = "gen_ai.client.operation.duration"
FIRST = "gen_ai.client.operation.time_to_first_chunk"
USAGE = "gen_ai.client.token.usage"
OFTEN = ("--set", "telemetry.otlp_interval=500ms")
RUN_ID = "service.instance.id"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def notes(folder: Path) -> list[str]:
    """What is noted of a run."""
    found: list[str] = msgspec.json.decode((folder / "run.json").read_bytes())["notes"]
    return found


def test_a_collector_gets_what_the_records_hold(tmp_path: Path) -> None:
    """Counts, sums, every bucket and every span; failures by their kind; ids as the server was told."""
    served = SimulatorOptions.model_validate({"ttft": "30ms", "itl": "3ms", "error_rate": 0.2})
    with RunningSimulator(served) as simulator, receiver() as received:
        ended = command(
            *("run", "--target", simulator.url, "--users", 6, "--duration", "4s", "--workers", 2),
            *("--max-output-tokens", 12, "--otlp", received.url, "--trace-sample", "0.5", *OFTEN),
            *("--out", tmp_path / "x"),
        )
        truth = simulator.truth()
    assert ended.code == 0, ended.err
    assert notes(tmp_path / "x") == []
    assert len(received.metrics) >= 5
    assert received.names() == {metric.name for metric in METRICS}
    _equals_the_records(received, tmp_path / "x")
    records = [record for record in records_of(tmp_path / "x") if record.trace]
    assert 0.3 < len(records) / len(truth) < 0.7
    spans = {span.trace_id.hex(): span for span in received.spans()}
    assert len(received.spans()) == len(spans) == len(records)
    told = {row.traceparent for row in truth if row.traceparent}
    assert told == {f"00-{one}-{span.span_id.hex()}-01" for one, span in spans.items()}
    for record in records:
        span = spans[record.trace]
        assert traceparent(record.trace) in told
        assert span.span_id.hex() == span_id(record.trace)
        assert (span.start_time_unix_nano, span.end_time_unix_nano) == (
            record.sent_ns,
            record.end_ns,
        )
        assert (span.status.code == 2) is not record.ok
    config = (tmp_path / "x" / "config.yaml").read_text()
    assert f"otlp: {received.url}" in config


def _equals_the_records(received: Received, folder: Path) -> None:
    """Holds the last metrics against the records and the summary made of them."""
    summary, shot = Summary(), summary_of(folder)
    summary.add_all(records_of(folder))
    expected = counted(summary).distributions
    points = {said.get("error.type", ""): point for said, point in received.points(DURATION)}
    assert sum(point.count for point in points.values()) == shot.requests.attempted
    assert points[""].count == shot.requests.succeeded
    assert points["500"].count == shot.requests.by_outcome["http_500"]
    assert set(points) == set(expected[DURATION])
    usage = {said["gen_ai.token.type"]: point for said, point in received.points(USAGE)}
    assert usage["output"].sum == shot.tokens.output
    assert usage["input"].sum == shot.tokens.input
    for name, own in ((DURATION, "error.type"), (FIRST, ""), (USAGE, "gen_ai.token.type")):
        for said, point in received.points(name):
            assert list(point.bucket_counts) == expected[name][said.get(own, "")].buckets
            assert point.start_time_unix_nano < point.time_unix_nano
    assert received.points("inferswarm.e2e_due")[0][1].sum == pytest.approx(
        summary.metric("e2e_due").total / NS_PER_S
    )
    assert received.points("inferswarm.users")[0][1].as_int == 0


@pytest.mark.slow
def test_a_run_without_its_collector_is_valid_and_says_so(tmp_path: Path) -> None:
    """In one line on the way and in a note; it takes no longer for that than a moment."""
    url = f"http://127.0.0.1:{free_port()}"
    words = ("--users", 2, "--duration", "3s", "--trace-sample", 1, "--otlp", url, *OFTEN)
    ended = command("run", *words, "--out", tmp_path / "x", "--require-valid")
    assert ended.code == 0, ended.err
    assert ended.err.count(url) == 1
    assert f"OpenTelemetry data is not taken by {url} (Connection refused)" in ended.err
    (note,) = notes(tmp_path / "x")
    assert "it lacks the last metrics" in note
    assert note in ended.out


@pytest.mark.slow
def test_every_run_of_a_standing_master_is_told(tmp_path: Path) -> None:
    """Each as an instance of its own; who asks for one cannot send it elsewhere."""
    web = f"127.0.0.1:{free_port()}"
    with (
        receiver() as received,
        started(
            *("master", "--web", web, "--serve-metrics", "off", "--runs", tmp_path / "runs"),
            *("--workers", 1, "--otlp", received.url, *OFTEN, "--max-output-tokens", 4),
        ) as master,
    ):
        client = MasterClient(f"http://{web}")
        wait_for(lambda: _there(client), 40)
        with pytest.raises(MasterRefusedError, match=r"telemetry\.otlp is set by whoever runs"):
            client.start({"telemetry": {"otlp": "http://127.0.0.1:1"}})
        ids = []
        for requests in (5, 7):
            run = str(client.start({"load": {"users": 1, "requests": requests}})["id"])
            wait_for(lambda run=run: "final" in client.run(run), 60)  # type: ignore[misc]
            assert received.points(DURATION)[0][1].count == requests
            ids.append(run)
        master.terminate()
        master.communicate(timeout=30)
    instances = [
        attributes(message.resource_metrics[0].resource)[RUN_ID] for message in received.metrics
    ]
    assert list(dict.fromkeys(instances)) == ids


def _there(client: MasterClient) -> bool:
    """Whether a master answers."""
    try:
        client.state()
    except MasterSilentError:
        return False
    return True


@pytest.mark.slow
def test_calls_of_grpc_tell_their_trace_too(tmp_path: Path) -> None:
    """In their metadata, as the records have it."""
    served = SimulatorOptions.model_validate({"backend": "jetstream", "ttft": "5ms", "itl": "1ms"})
    with RunningSimulator(served) as simulator:
        ended = command(
            *("run", "--target", simulator.url, "--backend", "jetstream", "--requests", 20),
            *("--max-output-tokens", 4, "--trace-sample", "0.5", "--out", tmp_path / "x"),
        )
        truth = simulator.truth()
    assert ended.code == 0, ended.err
    records, run = records_of(tmp_path / "x"), (tmp_path / "x" / "run.json").read_bytes()
    traces = Traces(msgspec.json.decode(run)["id"], 0.5)
    assert [record.trace for record in records] == [traces.id_of(record.k) for record in records]
    told = {row.traceparent for row in truth}
    assert told == {traceparent(one.trace) if one.trace else "" for one in records}
    assert len(told) > 3
