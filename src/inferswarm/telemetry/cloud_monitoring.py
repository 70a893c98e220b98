"""Google Cloud Monitoring: time series by a filter, as the old benchmark tool asked for them."""

import math
import re
from typing import Any

from inferswarm.errors import InputError
from inferswarm.extras import need
from inferswarm.scales import NS_PER_S
from inferswarm.telemetry.values import Series, Wanted, series_of

TIMEOUT_S = 30.0
SOURCE = "cloud monitoring"
_OLD = re.compile(r'metric\.type\s*=\s*"prometheus/([^"]+)"')
_UNITS = {"ALIGN_DELTA": "", "ALIGN_RATE": "per s"}


def filter_of(wanted: Wanted) -> str:
    """The filter, with Google Managed Prometheus's prefix where the old tool's files lack it."""
    return _OLD.sub(r'metric.type = "prometheus.googleapis.com/\1"', wanted.filter)


class CloudMonitoring:
    """One project; credentials as Google's tools find them."""

    def __init__(self, project: str, client: Any = None) -> None:
        """`client` is a MetricServiceClient, made here unless it is given. Raises InputError."""
        self._module = need("google.cloud.monitoring_v3", "monitoring", "Cloud Monitoring")
        self._errors = need("google.api_core.exceptions", "monitoring", "Cloud Monitoring")
        self._project = project
        self._client = client or self._module.MetricServiceClient()

    def fetch(self, wanted: Wanted, start_ns: int, end_ns: int, window_s: int) -> list[Series]:
        """The lines of a metric in a window; raises ValueError with what went wrong."""
        request: dict[str, Any] = {
            "name": f"projects/{self._project}",
            "filter": filter_of(wanted),
            "interval": self._module.TimeInterval(
                {"start_time": _timestamp(start_ns), "end_time": _timestamp(end_ns)}
            ),
            "view": self._module.ListTimeSeriesRequest.TimeSeriesView.FULL,
        }
        if wanted.aggregation:
            request["aggregation"] = self._aggregation(wanted, window_s)
        try:
            found = self._client.list_time_series(request=request, timeout=TIMEOUT_S)
            return [line for one in found if (line := _line(wanted, one)).points]
        except self._errors.GoogleAPICallError as error:
            raise ValueError(f"{type(error).__name__}: {error.message}") from None
        except self._errors.RetryError as error:
            raise ValueError(str(error)) from None

    def _aggregation(self, wanted: Wanted, window_s: int) -> Any:
        """`ALIGN_MEAN`, or aligner and reducer with a comma: `ALIGN_RATE,REDUCE_SUM`."""
        names = [name.strip().upper() for name in wanted.aggregation.split(",")]
        kinds = self._module.Aggregation
        try:
            made: dict[str, Any] = {"alignment_period": {"seconds": max(60, window_s)}}
            for name in names:
                if name.startswith("REDUCE_"):
                    made["cross_series_reducer"] = kinds.Reducer[name]
                else:
                    made["per_series_aligner"] = kinds.Aligner[name]
        except KeyError as error:
            raise ValueError(f"aggregation {error} is not one of Cloud Monitoring's") from None
        return kinds(made)


def open_monitoring(project: str) -> CloudMonitoring:
    """The client for a project, or that of the machine's own credentials; raises InputError."""
    auth = need("google.auth", "monitoring", "Cloud Monitoring")
    try:
        _, found = auth.default()
    except auth.exceptions.DefaultCredentialsError as error:
        raise InputError(f"Cloud Monitoring: {error}") from None
    if not (project or found):
        raise InputError("Cloud Monitoring: no project; give telemetry.project")
    return CloudMonitoring(project or found)


def _timestamp(at_ns: int) -> dict[str, int]:
    seconds, nanos = divmod(at_ns, NS_PER_S)
    return {"seconds": seconds, "nanos": nanos}


def _line(wanted: Wanted, found: Any) -> Series:
    labels = {**dict(found.resource.labels), **dict(found.metric.labels)}
    line = series_of(wanted, SOURCE, labels)
    for point in reversed(found.points):  # the newest comes first
        value = _value(point.value)
        if value is not None and math.isfinite(value):
            at = point.interval.end_time
            line.points.append((int(at.timestamp() * NS_PER_S), value * wanted.scale))
    return line


def _value(value: Any) -> float | None:
    kind = value._pb.WhichOneof("value")  # noqa: SLF001 - proto-plus has no other way to ask
    if kind == "distribution_value":
        return float(value.distribution_value.mean)
    return (
        float(getattr(value, kind))
        if kind in ("double_value", "int64_value", "bool_value")
        else None
    )
