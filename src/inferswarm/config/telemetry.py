"""Where a server's own metrics come from."""

from pathlib import Path
from typing import Annotated

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


class TelemetryOptions(Section):
    """What the server and its machines say of themselves."""

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
    wait: Duration = option(
        "30s", "How long those two may take to know of a run's end before they are asked."
    )
