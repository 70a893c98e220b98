"""The span of a sampled request, made from its record: what was measured, never what was said."""

from collections.abc import Iterator
from typing import Any

from inferswarm.extras import need
from inferswarm.otel.about import About, Attributes, error_type
from inferswarm.otel.collector import EXTRA, WHAT
from inferswarm.records import Record
from inferswarm.scales import NS_PER_S
from inferswarm.timing import send_lag_ns, ttft_ns
from inferswarm.traces import span_id

FIRST_TOKEN = "inferswarm.first_token"  # noqa: S105 - a name


class Spans:
    """Makes spans of the records of one run."""

    def __init__(self, about: About, resource: Any, scope: Any) -> None:
        """`resource` and `scope` as the SDK has them."""
        self._sdk = need("opentelemetry.sdk.trace", EXTRA, WHAT)
        self._api = need("opentelemetry.trace", EXTRA, WHAT)
        self._about = about
        self._origin = {"resource": resource, "instrumentation_scope": scope}

    def span_of(self, record: Record) -> Any:
        """The span of a record that has a trace: a client's, from sent to the end."""
        api = self._api
        code = api.StatusCode.UNSET if record.ok else api.StatusCode.ERROR
        return self._sdk.ReadableSpan(
            name=self._about.span_name,
            context=api.SpanContext(
                int(record.trace, 16),
                int(span_id(record.trace), 16),
                is_remote=False,
                trace_flags=api.TraceFlags(api.TraceFlags.SAMPLED),
            ),
            attributes=self._about.attributes | dict(attributes_of(record, self._about.streams)),
            events=[self._sdk.Event(FIRST_TOKEN, timestamp=at_ns) for at_ns in _first(record)],
            kind=api.SpanKind.CLIENT,
            status=api.Status(code, None if record.ok else record.kind),
            start_time=record.start_ns,
            end_time=record.end_ns,
            **self._origin,
        )


def _first(record: Record) -> Iterator[int]:
    first = ttft_ns(record)
    if first is not None:
        yield record.sent_ns + first


def attributes_of(record: Record, streams: bool) -> Iterator[tuple[str, Any]]:  # noqa: FBT001 - a fact of the run
    """What there is to say of one request; what is not known is left out."""
    first = ttft_ns(record)
    known: Attributes = {
        "gen_ai.request.stream": streams,
        "gen_ai.request.max_tokens": record.asked_tokens,
        "gen_ai.response.finish_reasons": [record.finish_reason] if record.finish_reason else [],
        "gen_ai.usage.output_tokens": record.output_tokens,
        "http.response.status_code": record.status,
        "error.type": "" if record.ok else error_type(record.kind),
    }
    yield from ((name, value) for name, value in known.items() if value or value is False)
    if first is not None:
        yield "gen_ai.response.time_to_first_chunk", first / NS_PER_S
    if record.input_tokens is not None:
        yield "gen_ai.usage.input_tokens", record.input_tokens
    if record.cached_tokens is not None:
        yield "gen_ai.usage.cache_read.input_tokens", record.cached_tokens
    yield "inferswarm.request.k", record.k
    if record.turns:
        yield "inferswarm.request.turn", record.turn
    yield "inferswarm.request.worker", record.worker
    yield "inferswarm.request.due_unix_ns", record.due_ns
    yield "inferswarm.request.send_lag", send_lag_ns(record) / NS_PER_S
