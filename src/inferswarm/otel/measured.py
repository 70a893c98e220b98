"""Counts and the last snapshot as OpenTelemetry's SDK has metrics: cumulative since the run began."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from inferswarm.otel.about import Attributes
from inferswarm.otel.counted import Counted, Values
from inferswarm.otel.declared import COUNTS, DISTRIBUTIONS, GAUGES, Distribution, Metric


class Measured:
    """Makes metrics of numbers; `sdk` is `opentelemetry.sdk.metrics.export`."""

    def __init__(self, sdk: ModuleType, attributes: Attributes, start_ns: int) -> None:
        """All counts began at `start_ns`, Unix time."""
        self._sdk = sdk
        self._attributes = attributes
        self._start_ns = start_ns

    def metrics(self, counted: Counted, live: Mapping[str, Any], at_ns: int) -> list[Any]:
        """All that have a value at that instant; `live` is the last `snapshot` event, or empty."""
        return [
            *self._distributions(counted, at_ns),
            *self._counts(counted, at_ns),
            *(self._gauges(live, at_ns) if live else ()),
        ]

    def _distributions(self, counted: Counted, at_ns: int) -> Iterator[Any]:
        for one in DISTRIBUTIONS:
            found = counted.distributions.get(one.metric.name, {})
            points = [
                self._distributed(one, self._said(one.metric, value), held, at_ns)
                for value, held in found.items()
            ]
            if points:
                yield self._named(one.metric, self._sdk.Histogram(points, self._cumulative))

    def _distributed(self, one: Distribution, said: Attributes, held: Values, at_ns: int) -> Any:
        return self._sdk.HistogramDataPoint(
            attributes=said,
            start_time_unix_nano=self._start_ns,
            time_unix_nano=at_ns,
            count=sum(held.buckets),
            sum=held.total / one.scale,
            bucket_counts=held.buckets,
            explicit_bounds=[bound / one.scale for bound in one.bounds],
            min=held.low / one.scale,
            max=held.high / one.scale,
        )

    def _counts(self, counted: Counted, at_ns: int) -> Iterator[Any]:
        for one in COUNTS:
            found = counted.counts.get(one.metric.name, {})
            points = [
                self._number(self._said(one.metric, value), count, at_ns)
                for value, count in found.items()
            ]
            if points:
                yield self._named(one.metric, self._sdk.Sum(points, self._cumulative, True))

    def _gauges(self, live: Mapping[str, Any], at_ns: int) -> Iterator[Any]:
        for one in GAUGES:
            value = one.read(live)
            if value is not None:
                point = self._number(self._said(one.metric, ""), value, at_ns)
                yield self._named(one.metric, self._sdk.Gauge([point]))

    def _number(self, said: Attributes, value: float, at_ns: int) -> Any:
        return self._sdk.NumberDataPoint(said, self._start_ns, at_ns, value)

    def _said(self, metric: Metric, value: str) -> Attributes:
        return self._attributes | ({metric.attribute: value} if value else {})

    def _named(self, metric: Metric, data: Any) -> Any:
        return self._sdk.Metric(metric.name, metric.sentence, metric.unit, data)

    @property
    def _cumulative(self) -> Any:
        return self._sdk.AggregationTemporality.CUMULATIVE
