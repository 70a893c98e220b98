"""How a run went so far, in a bounded number of points: what live charts draw."""

from collections.abc import Mapping
from typing import Any

MOST_POINTS = 600
FIRST_INTERVAL_MS = 900
"""Snapshots come twice a second; a point for every second of them is enough."""
_QUANTILES = ("p50", "p95", "p99")


class History:
    """Points in the order of time; when there are too many, every second one goes."""

    def __init__(self) -> None:
        self.points: list[dict[str, Any]] = []
        self._interval_ms = FIRST_INTERVAL_MS

    def add(self, at_ms: int, event: Mapping[str, Any]) -> None:
        """Keep what a `snapshot` event says, unless the last point is too near."""
        if self.points and at_ms - self.points[-1]["t"] < self._interval_ms:
            return
        self.points.append(point_of(at_ms, event))
        if len(self.points) >= MOST_POINTS:
            self.points = self.points[::2]
            self._interval_ms *= 2

    def after(self, at_ms: int) -> list[dict[str, Any]]:
        """The points since `at_ms`, itself left out."""
        return [point for point in self.points if point["t"] > at_ms]


def point_of(at_ms: int, event: Mapping[str, Any]) -> dict[str, Any]:
    """A point: `t` in Unix ms, rates and latencies (ms) of the last seconds, counts so far."""
    shot, recent = event["snapshot"], event["recent"]
    lag = shot["client"]["send_lag_ms"]
    outcomes = shot["requests"]["by_outcome"]
    return {
        "t": at_ms,
        "users": event["users"],
        "in_flight": event["in_flight"],
        **recent,
        "latency": event["latest"],
        "send_lag": [lag[name] for name in _QUANTILES],
        "errors": {kind: count for kind, count in outcomes.items() if kind != "ok"},
    }
