"""Facts about Cloud Monitoring: asked over gRPC, of a service of the test's own."""

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import pytest

from inferswarm.scales import NS_PER_S
from inferswarm.telemetry.cloud_monitoring import CloudMonitoring
from inferswarm.telemetry.values import Wanted

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
