"""Facts about Cloud Monitoring: asked over gRPC, of a service of the test's own."""

import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from inferswarm.config.target import TargetOptions
from inferswarm.config.telemetry import TelemetryOptions
from inferswarm.config.units import Duration
from inferswarm.records import PartHeader, encode_line
from inferswarm.reports import build
from inferswarm.scales import NS_PER_S
from inferswarm.storage import RunFolder
from inferswarm.telemetry.cloud_monitoring import CloudMonitoring
from inferswarm.telemetry.collect import Telemetry
from inferswarm.telemetry.values import Wanted
from tests.builders import S, record

grpc = pytest.importorskip("grpc", reason="grpcio is not installed")
monitoring = pytest.importorskip("google.cloud.monitoring_v3", reason="extra monitoring")
WANTED = Wanted(name="gpu", title="GPU", panel="GPU", filter='metric.type = "prometheus/gpu/gauge"')


@contextmanager
def service(answer: Any) -> Iterator[tuple[CloudMonitoring, list[Any]]]:
    """A client of a real gRPC server on loopback that answers ListTimeSeries, and what it was asked."""
    asked: list[Any] = []
    transports = monitoring.services.metric_service.transports

    def listed(content: bytes, context: Any) -> bytes:
        asked.append(monitoring.ListTimeSeriesRequest.deserialize(content))
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, "no rights")
        return bytes(monitoring.ListTimeSeriesResponse.serialize(answer))

    handler = grpc.method_handlers_generic_handler(
        "google.monitoring.v3.MetricService",
        {"ListTimeSeries": grpc.unary_unary_rpc_method_handler(listed)},
    )
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    try:
        transport = transports.MetricServiceGrpcTransport(channel=channel)
        yield CloudMonitoring("p", monitoring.MetricServiceClient(transport=transport)), asked
    finally:
        channel.close()
        server.stop(0).wait()


def point(at_s: int, **value: object) -> dict[str, Any]:
    """A point of a time series."""
    return {"interval": {"end_time": {"seconds": at_s}}, "value": value}


def test_lines_come_in_order_of_time_with_all_labels() -> None:
    """The service gives the newest first; the window and the mended filter are what it was asked."""
    series = {
        "metric": {"labels": {"gpu": "0"}},
        "resource": {"labels": {"cluster": "c"}},
        "points": [point(30, double_value=2.5), point(20, int64_value=2)],
    }
    with service(monitoring.ListTimeSeriesResponse(time_series=[series])) as (client, asked):
        (line,) = client.fetch(WANTED, 10 * NS_PER_S + 5, 40 * NS_PER_S, 60)
    assert line.points == [(20 * NS_PER_S, 2.0), (30 * NS_PER_S, 2.5)]
    assert line.labels == {"gpu": "0", "cluster": "c"}
    (request,) = asked
    assert request.name == "projects/p"
    assert request.filter == 'metric.type = "prometheus.googleapis.com/gpu/gauge"'
    assert request.interval.start_time.timestamp() == pytest.approx(10, abs=0.001)


def test_an_aggregation_is_asked_for_by_its_names() -> None:
    """Aligner, and reducer after a comma; one that there is not is told before anything is asked."""
    wanted = Wanted(
        name="r", title="R", panel="R", filter="x", aggregation="ALIGN_RATE, REDUCE_SUM"
    )
    with service(monitoring.ListTimeSeriesResponse()) as (client, asked):
        assert client.fetch(wanted, 0, NS_PER_S, 60) == []
        wrong = Wanted(name="w", title="", panel="", filter="x", aggregation="ALIGN_NONSENSE")
        with pytest.raises(ValueError, match="ALIGN_NONSENSE"):
            client.fetch(wrong, 0, NS_PER_S, 60)
    (request,) = asked
    assert request.aggregation.per_series_aligner.name == "ALIGN_RATE"
    assert request.aggregation.cross_series_reducer.name == "REDUCE_SUM"


def test_a_refusal_is_told_with_its_words() -> None:
    """As a ValueError, of which a note is made."""
    with (
        service(grpc.StatusCode.PERMISSION_DENIED) as (client, _),
        pytest.raises(ValueError, match="PermissionDenied: no rights"),
    ):
        client.fetch(WANTED, 0, NS_PER_S, 60)


def test_its_series_are_in_the_report(tmp_path: Path) -> None:
    """Those of an old file of metrics, beside a note for one that nobody knows."""
    file = tmp_path / "metrics.yaml"
    file.write_text("metrics: {GPU: {filter: 'metric.type = 1', type: GAUGE, aggregation: ''}}")
    options = TelemetryOptions(poll="off", metrics=file, wait=Duration.parse("0s"))
    target = TargetOptions(url="http://127.0.0.1:9", backend="vllm")
    now_s = int(time.time())
    points = [point(now_s + 60, double_value=2.5), point(now_s - 60, double_value=1.5)]
    answer = monitoring.ListTimeSeriesResponse(time_series=[{"points": points}])
    folder = tmp_path / "run"
    with service(answer) as (client, _):
        looking = Telemetry(options, target, {"cloud": client})
        write_run_of(folder)
        looking.finish(RunFolder(folder).metrics, print)
    built = build.build(RunFolder(folder))
    build.write(RunFolder(folder), built)
    assert b'"title":"GPU"' in RunFolder(folder).report.read_bytes()
    assert "GPU GPU: mean 2.00" in RunFolder(folder).results.read_text()


def write_run_of(folder: Path) -> None:
    """A run of a few requests, sent now."""
    now_ns = time.time_ns()
    (folder / "records").mkdir(parents=True)
    lines = [encode_line(PartHeader(run="r", worker=0, part=1, recorder="native", clock="kernel"))]
    for k in range(5):
        sent_ns = now_ns + k * S
        lines.append(encode_line(record(k=k, due_ns=sent_ns, sent_ns=sent_ns, end_ns=sent_ns + S)))
    (folder / "records" / "w0-00001.jsonl").write_bytes(b"".join(lines))
