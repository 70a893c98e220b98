"""A run told to a collector while it goes on: a thread of the command, which never holds the run up."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, Self

import msgspec

from inferswarm.config.tree import RunConfig
from inferswarm.otel.about import About
from inferswarm.otel.collector import FROM_ENVIRONMENT, Collector
from inferswarm.otel.counted import Counted, counted
from inferswarm.otel.following import Follower
from inferswarm.otel.measured import Measured
from inferswarm.otel.spans import Spans
from inferswarm.records import Record
from inferswarm.storage.folder import RunFolder
from inferswarm.summary import Summary

POLL_S = 1.0
BATCH = 512
END_LIMIT_S = 10.0
"""How long the last numbers and spans may take at a run's end."""
AWAY_LIMIT_S = 2.0
"""The same where the collector does not answer."""
CLOSE_LIMIT_S = 0.5
_OVER = {"users": 0, "in_flight": 0, "workers": 0}


class Teller(Protocol):
    """Whoever tells others of a run while the context lasts."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in an event of the master, at once."""

    def finish(self) -> list[str]:
        """Tell the last of it, and end; what is to be noted of the run."""


class Silence:
    """Tells nobody."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def hear(self, event: Mapping[str, Any]) -> None:
        """Forget it."""

    def finish(self) -> list[str]:
        """Nothing is to be noted."""
        return []


class Sender:
    """Sends what the master counts, and spans of the records, until `finish`; then a last time.

    A context manager that ends it. What the collector does not take is tried again: counts with newer
    ones, spans in their order.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: RunConfig,
        run: Mapping[str, Any],
        say: Callable[[str], None],
    ) -> None:
        """`say` is told once when the collector does not take what it is sent.

        Raises InputError when OpenTelemetry is not installed.
        """
        about, asked = About.of(config, run), config.telemetry
        own = asked.otlp != FROM_ENVIRONMENT
        self._where = asked.otlp if own else "what OTEL_EXPORTER_OTLP_ENDPOINT says"
        self._say = say
        self._pause_s = asked.otlp_interval.seconds
        self._collector = Collector(asked.otlp, about, self._complain)
        self._measured = Measured(self._collector.sdk, about.attributes, time.time_ns())
        self._spans = Spans(about, self._collector.resource, self._collector.scope)
        self._followed = Follower(folder) if asked.trace_sample else None
        self._live: dict[str, Any] = {}
        self._counted = counted(Summary())  # so that series begin at 0
        self._taken: Counted | None = None
        self._unsent: list[Record] = []
        self._sent = 0
        self._complaint = ""
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end(0.0)

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in an event of the master; nothing is sent here."""
        if event["event"] == "snapshot":
            self._live = dict(event)
        elif event["event"] == "ended":
            self._live = self._live and self._live | _OVER
        if "counted" in event:
            self._counted = msgspec.convert(event["counted"], Counted)
            self._wake.set()

    def finish(self) -> list[str]:
        """Send the last of it, and end; what is to be noted of the run: nothing, when all went well."""
        here = self._collector.taken and not self._collector.why
        self._end(END_LIMIT_S if here else AWAY_LIMIT_S)
        lost = list(self._lost())
        if not (lost or self._complaint):
            return []
        missing = "; ".join(lost) or "at times only"
        why = self._complaint or "it took too long"
        return [f"OpenTelemetry data was not taken by {self._where} ({why}): {missing}"]

    def _lost(self) -> Iterator[str]:
        if self._counted is not self._taken:
            yield "it lacks the last metrics"
        if self._unsent:
            yield f"it has spans of {self._sent:,} requests, not of all that were sampled"
        if self._thread.is_alive():
            yield "what was on its way was given up"

    def _complain(self, why: str) -> None:
        if not self._complaint:
            self._say(f"OpenTelemetry data is not taken by {self._where} ({why}); the run goes on")
        self._complaint = why

    def _end(self, limit_s: float) -> None:
        self._ending.set()
        self._wake.set()
        self._thread.join(limit_s)
        self._collector.close()
        self._thread.join(CLOSE_LIMIT_S)

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                self._send()
                self._wake.wait(self._pause_s if self._collector.why else POLL_S)
                self._wake.clear()
            self._send()
        except Exception as bug:  # noqa: BLE001 - whatever is wrong here must not cost the run
            self._complain(f"internal error: {type(bug).__name__}: {bug}")
        finally:
            if self._followed is not None:
                self._followed.close()

    def _send(self) -> None:
        self._send_metrics()
        if self._followed is not None:
            self._send_spans(self._followed)

    def _send_metrics(self) -> None:
        newest = self._counted  # the other thread may set another meanwhile
        if newest is self._taken:
            return
        metrics = self._measured.metrics(newest, self._live, time.time_ns())
        if self._collector.send_metrics(metrics):
            self._taken = newest

    def _send_spans(self, followed: Follower) -> None:
        while True:
            self._unsent = self._unsent or followed.take(BATCH)
            spans = [self._spans.span_of(record) for record in self._unsent]
            if not spans or not self._collector.send_spans(spans):
                return
            self._sent += len(spans)
            self._unsent = []
