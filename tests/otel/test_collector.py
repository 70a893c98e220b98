"""Facts about sending to a collector, over real sockets."""

import subprocess
import sys

import pytest

from inferswarm.errors import InputError
from inferswarm.otel.about import About
from inferswarm.otel.collector import Collector, check, reason
from inferswarm.otel.counted import counted
from inferswarm.otel.measured import Measured
from inferswarm.otel.spans import Spans
from inferswarm.summary import Summary
from inferswarm.traces import Traces
from tests.builders import record
from tests.otlp import attributes, receiver
from tests.servers import free_port

ABOUT = About("r1", streams=True, attributes={"gen_ai.operation.name": "chat"})


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")


def send(url: str) -> tuple[bool, list[str], Collector]:
    """Send the metrics of nothing; whether they were taken, and what was complained of."""
    told: list[str] = []
    collector = Collector(url, ABOUT, told.append)
    try:
        made = Measured(collector.sdk, {}, 1).metrics(counted(Summary()), {}, 2)
        return collector.send_metrics(made), told, collector
    finally:
        collector.close()


def test_metrics_and_spans_arrive_below_the_base_url() -> None:
    """With the resource and the scope; nothing is complained of."""
    with receiver() as received:
        took, told, collector = send(received.url)
        other = Collector(received.url, ABOUT, told.append)
        spans = Spans(ABOUT, other.resource, other.scope)
        traced = record(trace=Traces("r1", 1.0).id_of(0))
        assert other.send_spans([spans.span_of(traced)])
        other.close()
    assert (took, told, collector.why, collector.taken) == (True, [], "", True)
    (resource,) = received.metrics[0].resource_metrics
    assert attributes(resource.resource)["service.instance.id"] == "r1"
    assert resource.scope_metrics[0].scope.name == "inferswarm"
    assert [span.name for span in received.spans()] == ["chat"]


def test_the_environment_gives_headers_and_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names that all of OpenTelemetry knows."""
    with receiver() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
        took, _, _ = send("env")
    assert took
    assert {name.lower(): value for name, value in received.headers[0].items()}["x-key"] == "secret"
    resource = received.metrics[0].resource_metrics[0].resource
    assert attributes(resource)["service.name"] == "mine"


def test_a_refusal_is_told_with_its_status(capfd: pytest.CaptureFixture[str]) -> None:
    """In few words, and nowhere else."""
    with receiver() as received:
        received.status = 401
        took, told, collector = send(received.url)
    assert (took, collector.taken) == (False, False)
    assert told == ["HTTP 401 Unauthorized"]
    assert capfd.readouterr() == ("", "")


def test_nobody_there_is_told_in_few_words(capfd: pytest.CaptureFixture[str]) -> None:
    """As the system puts it, as soon as it is known."""
    took, told, collector = send(f"http://127.0.0.1:{free_port()}")
    assert not took
    assert set(told) == {"Connection refused"}
    assert collector.why == "Connection refused"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("complaint", "why"),
    [
        ("Failed to export spans batch code: 503, reason: Unavailable", "HTTP 503 Unavailable"),
        ("x: [Errno 113] No route to host'))", "No route to host"),
        (
            "Transient error Service Unavailable encountered while exporting x",
            "Service Unavailable",
        ),
        (
            "(Caused by SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] no: x (')",
            "no: x",
        ),
        (
            "Transient error ('Connection aborted.', RemoteDisconnected('It closed')) encountered",
            "It closed",
        ),
        ("Failed to export metrics batch due to timeout, max retries or shutdown.", ""),
        ("something else " + "x" * 300, ("something else " + "x" * 300)[:200]),
    ],
)
def test_the_reason_is_found_in_what_exporters_say(complaint: str, why: str) -> None:
    """Which have no other way to tell it."""
    assert reason(complaint) == why


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line; where it is there, nothing is said."""
    check()
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(InputError, match=r"--otlp needs .* pip install 'inferswarm\[otel\]'"):
        check()


def test_only_who_sends_loads_opentelemetry() -> None:
    """The master, which only counts, and runs that ask for nothing do without it."""
    script = (
        "import sys, inferswarm.otel.counted, inferswarm.otel.sender;"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
