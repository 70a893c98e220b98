"""What is wanted, and what came of it."""

from enum import StrEnum
from typing import Any

import msgspec

FORMAT = "inferswarm-server-metrics/1"


class Read(StrEnum):
    """How a number is made of a metric."""

    GAUGE = "gauge"
    RATE = "rate"
    SHARE = "share"
    MEAN = "mean"
    P50 = "p50"
    P95 = "p95"
    P99 = "p99"

    @property
    def quantile(self) -> float | None:
        """Which quantile of a histogram it is, if it is one."""
        return int(self[1:]) / 100 if self[1:].isdigit() else None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One line to be drawn.

    `of` are names of a Prometheus metric, today's first, then those of older servers: the first that
    there is counts. `to` is what a share or a mean is of. `promql` and `filter` (of Cloud Monitoring,
    with `aggregation` and `kind`) go before what follows from `of`.
    """

    name: str
    title: str
    panel: str
    unit: str = ""
    read: Read = Read.GAUGE
    of: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    scale: float = 1.0
    promql: str = ""
    filter: str = ""
    kind: str = ""
    aggregation: str = ""


class Series(msgspec.Struct, kw_only=True):
    """One line: instants (Unix ns) and values in its unit; `labels` tell lines of one metric apart."""

    name: str
    title: str
    panel: str
    unit: str
    source: str
    labels: dict[str, str] = {}
    points: list[tuple[int, float]] = []


class Collected(msgspec.Struct, kw_only=True):
    """What `metrics.json` holds: the lines, and a sentence for each that is missing."""

    format: str = FORMAT
    series: list[Series] = []
    notes: list[str] = []


def packed(collected: Collected) -> bytes:
    """As it is stored."""
    return msgspec.json.encode(collected)


def parse_collected(content: bytes) -> Collected:
    """Read what is stored; raises ValueError when it is none of ours."""
    found: Collected = msgspec.json.decode(content, type=Collected)
    if found.format != FORMAT:
        raise ValueError(
            f"server metrics of format {found.format!r}, this version reads {FORMAT!r}"
        )
    return found


def series_of(wanted: Wanted, source: str, labels: dict[str, Any] | None = None) -> Series:
    """An empty line for a metric."""
    return Series(
        name=wanted.name,
        title=wanted.title,
        panel=wanted.panel,
        unit=wanted.unit,
        source=source,
        labels={str(name): str(value) for name, value in (labels or {}).items()},
    )
