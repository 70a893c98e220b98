"""Facts about what is said of good answers: framing, text, counts, times."""

from collections.abc import Callable

import pytest

from inferswarm.doctor import about_answers
from inferswarm.doctor.findings import Finding, Name, State
from inferswarm.doctor.seen import Looked, Purpose, Seen
from tests.builders import chunked, plain_answer
from tests.doctor.examples import (
    EVENTS,
    GOOD,
    HEAD,
    PLAIN,
    PROMPT,
    USAGE,
    answered,
    event,
    looked,
    status,
    streamed,
    whole,
)

DONE = b"data: [DONE]\n\n"
AT_ONCE = answered([HEAD + chunked(*(b"data: %s\n\n" % one for one in (*EVENTS, USAGE)), DONE)])
TWO_READS = answered(
    [
        HEAD + chunked(*(b"data: %s\n\n" % one for one in EVENTS[:2]), tail=b""),
        chunked(b"data: %s\n\n" % EVENTS[2], b"data: %s\n\n" % USAGE, DONE),
    ]
)
UNSTREAMED = answered([plain_answer(b'{"choices":[{"text":"a"}]}')])
MANY = streamed(*EVENTS, b'{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":9}}')
COUNTED = streamed(
    b'{"choices":[{"text":"a"}],"usage":{"completion_tokens":3}}',
    b'{"choices":[{"text":"b"}],"usage":{"completion_tokens":6}}',
    purpose=Purpose.COUNTED,
)
TOLD = streamed(
    b'{"choices":[{"text":"a"}],"usage":{"completion_tokens":1}}',
    b'{"choices":[{"text":"b"}],"usage":{"completion_tokens":3}}',
)
UNTOLD = streamed(*EVENTS)
CHAT_REASONS = streamed(
    b'{"choices":[{"delta":{"reasoning_content":"hm"}}]}',
    b'{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}',
    way=("vllm", "chat"),
)
METRICS = whole(
    b'{"choices":[{"text":"a"}],"metrics":{"queue_time_ms":1.5,"generation_time_ms":2},'
    b'"usage":{"prompt_tokens_details":{"cached_tokens":2}}}'
)


def cumulative(*texts: str) -> Seen:
    """A stream of SGLang, whose events repeat what was before."""
    events = (b'{"text":"%s","meta_info":{}}' % text.encode() for text in texts)
    return streamed(*events, way=("sglang", "generate"))


def legacy(*texts: str) -> Seen:
    """A stream of vLLM's older server."""
    body = [b'{"text":["%s"]}\n' % text.encode() for text in texts]
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = [head, *(chunked(one, tail=b"") for one in body), b"0\r\n\r\n"]
    return answered(pieces, way=("vllm", "generate"))


@pytest.mark.parametrize(
    ("found", "purpose", "state", "says"),
    [
        (looked(GOOD, GOOD), Purpose.STREAMED, State.OK, "2 of 2 answered in full, with 3 tokens"),
        (looked(PLAIN), Purpose.WHOLE, State.OK, "with 2 tokens"),
        (looked(whole(b'{"choices":[{"text":"a"}]}')), Purpose.WHOLE, State.OK, "1 of 1"),
        (looked(), Purpose.WHOLE, State.NOTE, "not looked at"),
        (looked(skipped={Purpose.WHOLE: "why"}), Purpose.WHOLE, State.NOTE, "not asked: why"),
        (
            looked(GOOD, status(b"429 T", b"busy")),
            Purpose.STREAMED,
            State.PROBLEM,
            "1 of 2 answered; http_429 (HTTP 429): busy",
        ),
        (
            looked(status(b"500 I", b"", Purpose.WHOLE)),
            Purpose.WHOLE,
            State.NOTE,
            "0 of 1 answered",
        ),
    ],
)
def test_a_mode_is_told(found: Looked, purpose: Purpose, state: State, says: str) -> None:
    """A failure is a problem only in the mode that a run would use."""
    told = about_answers.mode(found, purpose)
    assert told.state is state
    assert says in told.sentence


@pytest.mark.parametrize(
    ("rule", "found", "state", "says"),
    [
        ("framing", looked(GOOD), State.OK, "server-sent events, chunked, of 60 to 64 bytes, one"),
        ("framing", looked(AT_ONCE), State.PROBLEM, "came together"),
        ("framing", looked(AT_ONCE, GOOD), State.NOTE, "some reads hold several"),
        ("framing", looked(TWO_READS), State.NOTE, "3 chunks in 2 reads"),
        ("framing", looked(UNSTREAMED), State.PROBLEM, "not a stream"),
        ("framing", looked(legacy("a", "ab")), State.OK, "JSON documents, chunked"),
        ("text", looked(GOOD), State.OK, "incremental"),
        ("text", looked(cumulative("a", "ab", "abc")), State.OK, "cumulative"),
        ("text", looked(streamed(event("a"))), State.NOTE, "too few"),
        ("echo", looked(GOOD), State.OK, "do not repeat"),
        (
            "echo",
            looked(legacy(PROMPT + " a", PROMPT + " ab")),
            State.NOTE,
            "begin with the prompt",
        ),
        ("reasoning", looked(CHAT_REASONS), State.NOTE, "`reasoning_content` (1 of 2 chunks)"),
        ("finish", looked(GOOD, PLAIN), State.OK, "stop"),
        ("finish", looked(GOOD), State.NOTE, "do not tell"),
        ("tokens", looked(GOOD, PLAIN), State.OK, "streamed: by the server's usage (input and out"),
        ("tokens", looked(UNTOLD, PLAIN), State.NOTE, "counting chunks"),
        ("tokens", looked(UNTOLD, PLAIN, stream=False), State.OK, "not streamed: by the server's"),
        ("per_chunk", looked(GOOD), State.OK, "as many chunks as tokens"),
        ("per_chunk", looked(TOLD), State.OK, "told for each chunk (1, 2)"),
        ("per_chunk", looked(MANY), State.NOTE, "3 in the mean"),
        ("per_chunk", looked(UNTOLD), State.NOTE, "no total"),
        ("timings", looked(METRICS, stream=False), State.OK, "queue, decode"),
        ("timings", looked(PLAIN, stream=False), State.OK, "none told"),
        ("cached", looked(METRICS, stream=False), State.OK, "told: 2"),
        ("cached", looked(PLAIN, stream=False), State.OK, "not told"),
        ("times", looked(GOOD), State.OK, "TTFT 20 ms, E2E 40 ms for 3 tokens, median of 1: no"),
        ("times", looked(PLAIN, stream=False), State.OK, "E2E 10 ms for 2 tokens"),
    ],
)
def test_good_answers_are_told(rule: str, found: Looked, state: State, says: str) -> None:
    """Each rule by what it says of bytes that servers send."""
    told = getattr(about_answers, rule)(found)
    assert told.state is state, told
    assert says in told.sentence


def test_a_running_count_is_the_remedy_where_it_works() -> None:
    """It helps only where chunks carry several tokens and nothing else tells how many."""
    assert "usage_per_chunk" in about_answers.per_chunk(looked(MANY, COUNTED)).remedy  # type: ignore[union-attr]
    assert about_answers.counting_helps(looked(MANY, COUNTED))
    for others in ((MANY,), (GOOD, COUNTED), (TOLD, COUNTED), (UNTOLD, COUNTED)):
        assert not about_answers.counting_helps(looked(*others))


@pytest.mark.parametrize(
    "rule",
    ["framing", "text", "echo", "reasoning", "finish", "tokens", "per_chunk", "timings", "times"],
)
def test_nothing_is_said_of_answers_that_never_came(rule: str) -> None:
    """A refusal is no ground for any of it."""
    told: Callable[[Looked], Finding | None] = getattr(about_answers, rule)
    assert told(looked(status(b"500 I", b"{}"))) is None


def test_grpc_is_not_searched_for_text() -> None:
    """What its messages say is not JSON."""
    found = looked(GOOD, way=("jetstream", "grpc"))
    assert about_answers.text(found) is None
    assert about_answers.echo(found) is None
    framing = about_answers.framing(found)
    assert framing is not None
    assert framing.name is Name.FRAMING
    assert "HTTP/2" in framing.sentence
