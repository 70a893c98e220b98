"""A collector for tests: takes OTLP over HTTP, and decodes it by OpenTelemetry's own messages."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

_COLLECTOR = "opentelemetry.proto.collector"
_REASON = "needs OpenTelemetry: the extra otel"
_metrics = pytest.importorskip(f"{_COLLECTOR}.metrics.v1.metrics_service_pb2", reason=_REASON)
_traces = pytest.importorskip(f"{_COLLECTOR}.trace.v1.trace_service_pb2", reason=_REASON)
_MESSAGES: dict[str, Any] = {
    "/v1/metrics": _metrics.ExportMetricsServiceRequest,
    "/v1/traces": _traces.ExportTraceServiceRequest,
}
Attributes = dict[str, Any]


@dataclass
class Received:
    """What came, in its order; `status` is what is answered."""

    url: str = ""
    status: int = 200
    metrics: list[Any] = field(default_factory=list)
    traces: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def points(self, name: str) -> list[tuple[Attributes, Any]]:
        """The points of a metric in the last message that has it, with their attributes."""
        for message in reversed(self.metrics):
            found = [
                (attributes(point), point)
                for resource in message.resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
                if metric.name == name
                for point in getattr(metric, metric.WhichOneof("data")).data_points
            ]
            if found:
                return found
        return []

    def names(self) -> set[str]:
        """The names of all metrics that came."""
        return {
            metric.name
            for message in self.metrics
            for resource in message.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def spans(self) -> list[Any]:
        """All spans that came."""
        return [
            span
            for message in self.traces
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def attributes(holder: Any) -> Attributes:
    """The attributes of a point, a span or a resource as plain values."""
    return {pair.key: _plain(pair.value) for pair in holder.attributes}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    held = getattr(value, kind)
    return [_plain(one) for one in held.values] if kind == "array_value" else held


@contextlib.contextmanager
def receiver() -> Iterator[Received]:
    """A collector on loopback while the context lasts."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.headers.append(dict(self.headers))
            if received.status == 200:
                message = _MESSAGES[self.path]()
                message.ParseFromString(body)
                kept = received.metrics if self.path == "/v1/metrics" else received.traces
                kept.append(message)
            self.send_response(received.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join(10)
