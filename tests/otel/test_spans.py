"""Facts about the span of a request."""

from typing import Any

import msgspec
import pytest

from inferswarm.exchange import Outcome
from inferswarm.otel.about import About
from inferswarm.otel.spans import Spans
from inferswarm.records import Record
from inferswarm.traces import Traces, traceparent
from tests.builders import MS, failure, record

resources = pytest.importorskip("opentelemetry.sdk.resources", reason="needs the extra otel")
scopes = pytest.importorskip("opentelemetry.sdk.util.instrumentation")
ABOUT = About("r1", streams=True, attributes={"gen_ai.operation.name": "chat", "a": 1})
TRACE = Traces("r1", 1.0).id_of(5)


def span(given: Record, about: About = ABOUT) -> Any:
    """The span of a record that has a trace."""
    made = Spans(about, resources.Resource({}), scopes.InstrumentationScope("inferswarm"))
    return made.span_of(msgspec.structs.replace(given, trace=TRACE))


def test_its_ids_are_those_that_the_server_was_told() -> None:
    """Trace and parent of the header are trace and span, of a client, that has no parent."""
    found = span(record())
    ids = f"00-{found.context.trace_id:032x}-{found.context.span_id:016x}-01"
    assert ids == traceparent(TRACE)
    assert found.parent is None
    assert found.kind.name == "CLIENT"
    assert found.context.trace_flags.sampled


def test_it_lasts_from_sent_to_the_end() -> None:
    """The first token is an event between; when it was due is told."""
    one = record()
    found = span(one)
    assert (found.start_time, found.end_time) == (one.sent_ns, one.end_ns)
    assert [event.timestamp for event in found.events] == [one.sent_ns + 200 * MS]
    assert found.attributes["inferswarm.request.due_unix_ns"] == one.due_ns
    assert found.attributes["inferswarm.request.send_lag"] == 0.001


def test_its_attributes_are_those_of_the_conventions() -> None:
    """Those of the run, and what was asked and counted."""
    one = record(k=5, asked_tokens=9, finish_reason="length", cached_tokens=4, worker=2)
    said = dict(span(one).attributes)
    assert list(said.pop("gen_ai.response.finish_reasons")) == ["length"]
    assert (
        said.items()
        >= {
            "gen_ai.operation.name": "chat",
            "a": 1,
            "gen_ai.request.stream": True,
            "gen_ai.request.max_tokens": 9,
            "gen_ai.response.time_to_first_chunk": 0.2,
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 3,
            "gen_ai.usage.cache_read.input_tokens": 4,
            "http.response.status_code": 200,
            "inferswarm.request.k": 5,
            "inferswarm.request.worker": 2,
        }.items()
    )
    assert "error.type" not in said
    assert "inferswarm.request.turn" not in said


@pytest.mark.parametrize(
    ("given", "kind", "error"),
    [
        (failure(Outcome.TIMEOUT_IDLE), "timeout_idle", "timeout_idle"),
        (failure(Outcome.HTTP_STATUS, status=429), "http_429", "429"),
    ],
)
def test_a_failure_is_an_error_with_its_outcome(given: Record, kind: str, error: str) -> None:
    """In the status and as a type; counts that there are not are left out."""
    found = span(given)
    assert (found.status.status_code.name, found.status.description) == ("ERROR", kind)
    assert found.attributes["error.type"] == error
    assert not {"gen_ai.usage.input_tokens", "gen_ai.response.time_to_first_chunk"} & set(
        found.attributes
    )
    assert not found.events


def test_a_success_has_no_status() -> None:
    """As the conventions have it for clients."""
    assert span(record()).status.status_code.name == "UNSET"


def test_what_was_never_sent_begins_when_it_was_due() -> None:
    """It has no other beginning."""
    never = failure(Outcome.CONNECT, sent_ns=0)
    assert span(never).start_time == never.due_ns


def test_a_turn_of_a_conversation_says_which() -> None:
    """The first one too."""
    assert span(record(turn=0, turns=3)).attributes["inferswarm.request.turn"] == 0


def test_nothing_that_was_said_is_told() -> None:
    """Neither the answer, nor what a server said of a failure, which may repeat the prompt."""
    told = failure(detail="SECRET", body_head="SECRET", answer="SECRET", address="SECRET")
    assert "SECRET" not in span(told).to_json()
