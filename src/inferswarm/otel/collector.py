"""A collector of OpenTelemetry, as whoever sends to it sees it."""

import logging
import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from inferswarm import __version__
from inferswarm.extras import need
from inferswarm.otel.about import About

EXTRA, WHAT = "otel", "--otlp"
FROM_ENVIRONMENT = "env"
_HTTP = "opentelemetry.exporter.otlp.proto.http"
_METRICS, _SPANS = f"{_HTTP}.metric_exporter", f"{_HTTP}.trace_exporter"
_SYSTEM = re.compile(r"\[Errno -?\d+\] ([\w ]+)")
_STATUS = re.compile(r"code: (\d+), reason: (.*)")
_TLS = re.compile(r"\[SSL: \w+\] ([\w :,-]+)")
_DETAIL = re.compile(r"\w+\(['\"]([^'\"\\]+)['\"]\)")
_TRANSIENT = re.compile(r"^Transient error ([\w -]+) encountered while exporting")
_NO_REASON = ("due to timeout", "aborting retry", "already shutdown")
WHY_LIMIT = 200
_log = logging.getLogger(_HTTP)
# We tell what is wrong ourselves, once and in a line; without a handler Python would print each.
_log.addHandler(logging.NullHandler())
_log.propagate = False


def check() -> None:
    """Raises InputError saying what to install when OpenTelemetry is not there."""
    need(_METRICS, EXTRA, WHAT)
    need(_SPANS, EXTRA, WHAT)


class Collector:
    """Exporters of metrics and spans to one base URL.

    `why` says in few words what went wrong last, `taken` whether anything was ever taken.
    """

    def __init__(self, url: str, about: About, trouble: Callable[[str], None]) -> None:
        """`env` for `url` is what the environment says, as are headers, certificates and timeouts.

        `trouble` is called with each reason why something is not taken, as soon as that is known.
        """
        check()
        self.why = ""
        self.taken = False
        self.sdk = need("opentelemetry.sdk.metrics.export", EXTRA, WHAT)
        resources = need("opentelemetry.sdk.resources", EXTRA, WHAT)
        scopes = need("opentelemetry.sdk.util.instrumentation", EXTRA, WHAT)
        service = os.environ.get("OTEL_SERVICE_NAME", "")
        self.resource = resources.Resource.create(about.resource(service))
        self.scope = scopes.InstrumentationScope("inferswarm", __version__)
        metrics, spans = need(_METRICS, EXTRA, WHAT), need(_SPANS, EXTRA, WHAT)
        own = url != FROM_ENVIRONMENT
        self._metrics = metrics.OTLPMetricExporter(f"{url}/v1/metrics" if own else None)
        self._spans = spans.OTLPSpanExporter(f"{url}/v1/traces" if own else None)
        self._trouble = trouble
        self._complaints = _Complaints(self._complained)
        _log.addHandler(self._complaints)

    def send_metrics(self, metrics: Sequence[Any]) -> bool:
        """Whether it took them; while it is away, it is tried for some seconds."""
        scoped = self.sdk.ScopeMetrics(self.scope, metrics, "")
        data = self.sdk.MetricsData([self.sdk.ResourceMetrics(self.resource, [scoped], "")])
        return self._took(self._metrics.export(data))

    def send_spans(self, spans: Sequence[Any]) -> bool:
        """Whether it took them."""
        return self._took(self._spans.export(spans))

    def close(self) -> None:
        """Try no longer, also where that is under way."""
        _log.removeHandler(self._complaints)
        self._metrics.shutdown()
        self._spans.shutdown()

    def _took(self, result: Any) -> bool:
        took: bool = result.name == "SUCCESS"
        self.taken = self.taken or took
        if took:
            self.why = ""
        return took

    def _complained(self, why: str) -> None:
        self.why = why
        self._trouble(why)


class _Complaints(logging.Handler):
    """Hears what the exporters complain of, which they tell in no other way."""

    def __init__(self, told: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on a complaint that has a reason."""
        if why := reason(record.getMessage()):
            self._told(why)


def reason(complaint: str) -> str:
    """Why an exporter failed, from its words: the status, the system's error, or all it said."""
    if (status := _STATUS.search(complaint)) and status[1]:
        return f"HTTP {status[1]} {status[2]}"[:WHY_LIMIT].strip()
    for pattern in (_SYSTEM, _TLS, _TRANSIENT, _DETAIL):
        if found := pattern.search(complaint):
            return found[1].strip()[:WHY_LIMIT]
    return "" if any(one in complaint for one in _NO_REASON) else complaint[:WHY_LIMIT]
