"""Facts about what is said of fixed lengths and of connections that are kept."""

from dataclasses import replace

import pytest

from inferswarm.config.target import RequestOptions
from inferswarm.doctor.about_asking import is_exact, keep_alive, length
from inferswarm.doctor.findings import State
from inferswarm.doctor.seen import Looked, Purpose, Seen
from tests.builders import plain_answer
from tests.doctor.examples import (
    EVENTS,
    GOOD,
    PLAIN,
    USAGE,
    WANTED,
    answered,
    looked,
    status,
    streamed,
)

FREE, FIXED = RequestOptions(), RequestOptions(ignore_eos=True)
IGNORING = replace(WANTED, ignore_eos=True)


def exact(tokens: int) -> Seen:
    """The answer to a request for this many tokens, of which 3 come."""
    wanted = replace(IGNORING, max_output_tokens=tokens)
    return streamed(*EVENTS, USAGE, purpose=Purpose.EXACT, wanted=wanted)


UNCOUNTED = streamed(*EVENTS, purpose=Purpose.EXACT, wanted=IGNORING)
FAILED = status(b"400 Bad", b"{}", Purpose.EXACT, wanted=IGNORING)
CLOSES = answered(
    [
        plain_answer(b'{"choices":[{"text":"a"}]}').replace(
            b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"
        )
    ],
    Purpose.WHOLE,
)


@pytest.mark.parametrize(
    ("found", "options", "state", "says"),
    [
        (looked(exact(3)), FIXED, State.OK, "exactly 3 came"),
        (looked(exact(9)), FREE, State.NOTE, "9 tokens asked for with request.ignore_eos, but 3"),
        (looked(exact(9)), FIXED, State.PROBLEM, "but 3 came"),
        (looked(UNCOUNTED), FREE, State.NOTE, "3 chunks came"),
        (looked(FAILED), FREE, State.NOTE, "http_400"),
        (looked(FAILED), FIXED, State.PROBLEM, "http_400"),
        (looked(skipped={Purpose.EXACT: "why"}), FREE, State.NOTE, "cannot be asked for: why"),
    ],
)
def test_a_fixed_length_is_told(
    found: Looked, options: RequestOptions, state: State, says: str
) -> None:
    """Missing it is a problem only for those who ask for it."""
    told = length(found, options)
    assert told is not None
    assert told.state is state
    assert says in told.sentence
    assert length(looked(), options) is None


def test_only_a_count_of_the_server_proves_a_length() -> None:
    """Chunks that were counted do not."""
    assert is_exact(looked(exact(3)))
    assert not is_exact(looked(exact(9)))
    assert not is_exact(looked(UNCOUNTED))


def again(seen: Seen, *, reused: bool = False, retries: int = 0) -> Seen:
    """The same over a connection that had been kept, or that had to be replaced."""
    return replace(seen, exchange=replace(seen.exchange, reused=reused, retries=retries))


@pytest.mark.parametrize(
    ("found", "state", "says"),
    [
        (looked(GOOD, again(PLAIN, reused=True)), State.OK, "promised and kept, after streams too"),
        (looked(PLAIN, again(PLAIN, reused=True)), State.OK, "promised and kept"),
        (looked(GOOD, again(PLAIN, retries=1)), State.NOTE, "1 of 2 requests found"),
        (looked(CLOSES), State.NOTE, "closes after an answer (not streamed)"),
        (looked(GOOD, way=("jetstream", "grpc")), State.OK, "not looked at"),
    ],
)
def test_kept_connections_are_told(found: Looked, state: State, says: str) -> None:
    """Kept, broken off against the promise, never promised, or HTTP/2."""
    told = keep_alive(found, wanted=True)
    assert told is not None
    assert told.state is state
    assert says in told.sentence


def test_connections_that_nobody_wants_to_keep_are_no_matter() -> None:
    """With --no-keep-alive, and where nothing was answered."""
    told = keep_alive(looked(CLOSES), wanted=False)
    assert told is not None
    assert told.state is State.OK
    assert keep_alive(looked(FAILED), wanted=True) is None
