"""Where a server's own metrics come from."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from inferswarm.config.options import Section, option
from inferswarm.config.units import Duration


def _http(url: str) -> str:
    if url and not url.startswith(("http://", "https://")):
        raise ValueError("it must begin with http:// or https://")
    return url


def _pollable(url: str) -> str:
    return url if url in ("auto", "off") else _http(url)


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
    wait: Duration = option(
        "30s", "How long those two may take to know of a run's end before they are asked."
    )
