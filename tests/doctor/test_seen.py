"""Facts about the values of a visit."""

import pytest

from inferswarm.doctor.seen import Purpose, Seen
from inferswarm.exchange import Outcome
from tests.builders import plain_answer
from tests.doctor.examples import GOOD, PLAIN, answered, looked, status

CLOSING = plain_answer(b"{}").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def test_an_exchange_is_read_as_a_run_reads_it() -> None:
    """Its record has the outcome, the chunks and the counts that a run would report."""
    record = GOOD.record
    assert (record.outcome, len(record.chunk_ns), record.output_tokens) == (Outcome.OK, 3, 3)
    assert GOOD.response.is_event_stream
    assert GOOD.ok


@pytest.mark.parametrize(
    ("seen", "promised"), [(GOOD, True), (PLAIN, True), (answered([CLOSING]), False)]
)
def test_the_promise_to_keep_a_connection_is_in_the_answer(seen: Seen, *, promised: bool) -> None:
    """HTTP/1.1 keeps, unless the head says otherwise."""
    assert seen.promised is promised


def test_a_limit_that_was_reached_is_known() -> None:
    """Whether a byte had come or not."""
    silent = answered([], failure=Outcome.TIMEOUT_FIRST_BYTE)
    slow = answered([b"HTTP/1.1 200"], failure=Outcome.TIMEOUT_TOTAL)
    assert (silent.timed_out, slow.timed_out, GOOD.timed_out) == (True, True, False)


def test_requests_are_found_by_their_purpose() -> None:
    """All of them, or those that were answered in full."""
    bad = status(b"500 I", b"")
    found = looked(GOOD, bad, PLAIN)
    assert found.of(Purpose.STREAMED) == [GOOD, bad]
    assert found.good(Purpose.STREAMED, Purpose.WHOLE) == [GOOD, PLAIN]
    assert (found.asked, looked(stream=False).asked) == (Purpose.STREAMED, Purpose.WHOLE)
