"""Where a server's own metrics come from, and who is told how a run goes."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from inferswarm.config.options import Section, option
from inferswarm.config.units import Duration

SERVED_AT = "127.0.0.1:9646"
"""Where a standing master answers Prometheus unless told otherwise."""


def _http(url: str) -> str:
    if url and not url.startswith(("http://", "https://")):
        raise ValueError("it must begin with http:// or https://")
    return url


def _pollable(url: str) -> str:
    return url if url in ("auto", "off") else _http(url)


def _listening(where: str) -> str:
    host, _, port = where.rpartition(":")
    if where and where != "off" and not (host and port.isdigit() and int(port) < 1 << 16):
        raise ValueError(f"it must be HOST:PORT, as in {SERVED_AT}, or `off`")
    return where


def _collector(url: str) -> str:
    if url in ("", "env"):
        return url
    parts = urlsplit(_http(url))
    _ = parts.port  # raises ValueError when it is none
    if parts.username is not None or parts.query or parts.fragment or not parts.hostname:
        raise ValueError(
            "it must be http[s]://host[:port][/path] alone; secrets go in OTEL_EXPORTER_OTLP_HEADERS"
        )
    return url.rstrip("/")


def _lasting(every: Duration) -> Duration:
    if every <= 0:
        raise ValueError("it must be longer than 0s")
    return every


class TelemetryOptions(Section):
    """What the server and its machines say of themselves, and who is told how the run goes."""

    poll: Annotated[str, AfterValidator(_pollable)] = option(
        "auto",
        "Address of the server's own metrics (Prometheus's text format), looked at while the run goes "
        "on; `auto` is where such a server has them, `off` does not look.",
        flag="--poll",
    )
    poll_interval: Duration = option("2s", "How often.")
    metrics: Path | None = option(
        None,
        "YAML file of further metrics, by a PromQL expression or a filter of Cloud Monitoring.",
        flag="--metrics",
    )
    prometheus_url: Annotated[str, AfterValidator(_http)] = option(
        "",
        "Base URL of Prometheus, or of Google Managed Prometheus; asked after the run.",
        flag="--prometheus-url",
    )
    prometheus_token_env: str = option(
        "INFERSWARM_PROMETHEUS_TOKEN",
        "Environment variable that holds its bearer token; `google` uses Application Default "
        "Credentials.",
    )
    project: str = option(
        "", "Project of Cloud Monitoring; empty: that of the credentials.", flag="--project"
    )
    serve_metrics: Annotated[str, AfterValidator(_listening)] = option(
        "",
        "HOST:PORT where the master answers /metrics for Prometheus, `off` for nowhere; empty is "
        f"nowhere for one run, and {SERVED_AT} for a master that stays.",
        flag="--serve-metrics",
    )
    otlp: Annotated[str, AfterValidator(_collector)] = option(
        "",
        "Base URL of an OpenTelemetry collector (OTLP over HTTP), which gets metrics while the run goes "
        "on, and traces; `env`: as the OTEL_EXPORTER_OTLP_* variables say, from which headers come in "
        "any case.",
        flag="--otlp",
    )
    otlp_interval: Annotated[Duration, AfterValidator(_lasting)] = option(
        "10s", "How often it gets metrics; once more at the end."
    )
    trace_sample: float = option(
        0.0,
        "Share of requests, 0 to 1, that get a trace: a `traceparent` header for the server, its id in "
        "the record, and a span for the collector.",
        flag="--trace-sample",
        ge=0,
        le=1,
    )
    wait: Duration = option(
        "30s", "How long those two may take to know of a run's end before they are asked."
    )
