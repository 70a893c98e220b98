"""Facts about JetStream over HTTP: what its two servers are sent, and what their documents say."""

import json
from itertools import accumulate

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.adapters import Adapter, Answer, Wanted
from inferswarm.adapters.jetstream_http import GENERATE, V1
from inferswarm.exchange import Outcome
from inferswarm.prompts import Prompt
from inferswarm.reading import read_exchange
from tests.adapters.answers import (
    HOSTILE,
    JSON_HEAD,
    at_every_split,
    jsonish,
    never_raises,
    plain,
    streamed,
)
from tests.builders import FUZZ, asked, chunked, exchange, stream_answer

PROMPT = Prompt("San Francisco is a")
BOTH: list[Adapter] = [GENERATE, V1]


def piece(text: str) -> bytes:
    """A document of the wrapper's stream, as it prints it."""
    body = {"id": "generate-1", "time_created": 1700000000.1, "text": text}
    return json.dumps(body, indent=2).encode()


def tokens(text: str, *ids: int) -> bytes:
    """A document of the server's own stream; what is empty is left out, as protobuf does."""
    sample = {name: value for name, value in (("text", text), ("tokenIds", ids)) if value}
    return json.dumps({"streamContent": {"samples": [sample]}}, indent=2).encode()


def native(*documents: bytes) -> Answer:
    """The answer of the server's own stream, document i in read i."""
    return streamed(V1, PROMPT.text, *documents)


def wrapped(*documents: bytes) -> Answer:
    """The answer of the wrapper's stream, document i in read i."""
    return streamed(GENERATE, PROMPT.text, *documents, events=False)


def sent(adapter: Adapter, **wanted: object) -> tuple[str, dict[str, object]]:
    """Path and body of the request for what is wanted."""
    request = adapter.request(PROMPT, msgspec.convert(wanted, Wanted))
    assert request.method == "POST"
    return request.path, json.loads(request.body)


@pytest.mark.parametrize("stream", [True, False])
def test_the_wrapper_is_told_prompt_and_length(*, stream: bool) -> None:
    """And whether to stream, on the same path."""
    body = {"prompt": PROMPT.text, "max_tokens": 5, "stream": stream}
    assert sent(GENERATE, max_output_tokens=5, stream=stream) == ("/generate", body)


def test_the_servers_own_route_takes_nothing_else() -> None:
    """It rejects fields that it does not know."""
    body = {"max_tokens": 5, "text_content": {"text": PROMPT.text}}
    assert sent(V1, max_output_tokens=5, model="m") == ("/v1/generate", body)


@pytest.mark.parametrize("adapter", BOTH)
def test_extra_fields_win_over_ours(adapter: Adapter) -> None:
    """Who sets a field by hand means it."""
    assert (
        sent(adapter, extra_body={"max_tokens": 9, "priority": 1})[1].items()
        >= {
            "max_tokens": 9,
            "priority": 1,
        }.items()
    )


@pytest.mark.parametrize("adapter", BOTH)
@pytest.mark.parametrize(
    "given",
    [
        *({"temperature": 0.0}, {"top_p": 1.0}, {"top_k": 1}, {"seed": 0}, {"stop": ["x"]}),
        *({"min_output_tokens": 1}, {"ignore_eos": True}, {"best_of": 2}),
        *({"use_beam_search": True}, {"usage_per_chunk": True}),
    ],
    ids=str,
)
def test_all_that_is_not_a_length_is_refused(adapter: Adapter, given: dict[str, object]) -> None:
    """One server would reject it, the other ignore it without a word."""
    (name,) = given
    wanted = msgspec.convert(given, Wanted)
    assert adapter.refusal(wanted) == f"request.{name} is not known there; leave it out"
    assert adapter.refusal(Wanted(best_of=1)) == ""


def test_only_the_wrapper_answers_in_one_piece() -> None:
    """The refusal names the other way."""
    assert GENERATE.refusal(Wanted(stream=False)) == ""
    assert "leave out --no-stream, or use --api generate" in V1.refusal(Wanted(stream=False))


def test_a_plain_answer_of_the_wrapper() -> None:
    """One object with the whole text, at the last read."""
    answer = plain(GENERATE, "", b'{"response": " city in"}')
    assert (answer.chunk_ns, answer.streamed, answer.ended) == ([9], False, True)
    assert plain(GENERATE, "", b'{"response": ""}') == Answer(ended=True)


def test_documents_with_text_are_the_chunks_of_a_stream() -> None:
    """Whatever the server declares; empty ones are no token."""
    answer = wrapped(piece(" city"), piece(""), piece(" in"))
    assert (answer.chunk_ns, answer.streamed, answer.ended) == ([0, 2], True, True)
    assert (answer.output_tokens, answer.chunk_tokens, answer.bad_frame) == (None, [], "")


def test_token_ids_are_counted_chunk_by_chunk() -> None:
    """Also of a token without text; the first document only says that the server began."""
    answer = native(
        b'{"initialContent": {}}', tokens(" city", 4272), tokens("", 7), tokens("é", 1, 2)
    )
    assert (answer.chunk_ns, answer.chunk_tokens) == ([1, 2, 3], [1, 1, 2])
    assert (answer.output_tokens, answer.count_source) == (4, "token_ids")
    assert (answer.streamed, answer.ended) == (True, True)


def test_a_text_without_ids_leaves_the_count_to_the_chunks() -> None:
    """A sum of some would be wrong; a document with neither is no token."""
    answer = native(tokens(" city", 4272), tokens(" in"), tokens(""))
    assert (answer.chunk_ns, answer.chunk_tokens) == ([0, 1], [])
    assert (answer.output_tokens, answer.count_source) == (None, "")


def test_of_several_samples_the_first_is_the_answer() -> None:
    """Nobody asks for more than one."""
    body = {"streamContent": {"samples": [{"text": "a", "tokenIds": [1]}, {"text": "b"}]}}
    assert native(json.dumps(body).encode()).chunk_tokens == [1]


def test_any_split_says_the_same() -> None:
    """However the bytes were cut."""
    whole = stream_answer(tokens(" city", 4272) + tokens("é", 1, 2))
    assert at_every_split(V1, "", whole).chunk_tokens == [1, 2]
    whole = JSON_HEAD + chunked(piece(" city") + piece(" é"))
    assert len(at_every_split(GENERATE, "", whole).chunk_ns) == 2


@pytest.mark.parametrize("adapter", BOTH)
def test_an_error_within_is_the_answers_error(adapter: Adapter) -> None:
    """The first one, and what came before it stays."""
    first = tokens("a", 1) if adapter is V1 else piece("a")
    answer = streamed(adapter, "", first, b'{"detail": "too long"}', b'{"error": "gone"}')
    assert (answer.error, answer.chunk_ns) == ("too long", [0])


@pytest.mark.parametrize("adapter", BOTH)
def test_a_stream_that_is_cut_is_truncated(adapter: Adapter) -> None:
    """At any byte: half a document is no other fault than the cut itself."""
    first = tokens("a", 1) if adapter is V1 else piece("a")
    whole = JSON_HEAD + chunked(first, first)
    for end in range(len(JSON_HEAD) + 1, len(whole) - 5):
        record = read_exchange(exchange(whole[:end], Outcome.TRUNCATED), asked(), adapter)
        assert record.outcome is Outcome.TRUNCATED


@pytest.mark.parametrize("adapter", BOTH)
def test_there_is_no_list_of_models(adapter: Adapter) -> None:
    """The server has one, which requests do not name."""
    assert adapter.models_request() is None
    with pytest.raises(ValueError, match="no list of models"):
        adapter.read_models(b"[]")


@pytest.mark.parametrize("adapter", BOTH)
@pytest.mark.parametrize(
    "body",
    [*HOSTILE.values(), b'{"text": 7}', b'{"streamContent": {"samples": [{"tokenIds": ["a"]}]}}'],
)
def test_what_cannot_be_read_is_a_bad_frame_or_empty(adapter: Adapter, body: bytes) -> None:
    """What came before it stays."""
    first = tokens("a", 1) if adapter is V1 else piece("a")
    answer = streamed(adapter, "", first, body)
    assert answer.chunk_ns == [0]
    assert answer.bad_frame or body == HOSTILE["deep unknown"] or b"streamContent" in body


@FUZZ
@given(
    st.lists(
        jsonish("response", "text", "streamContent", "samples", "tokenIds", "detail", "error"),
        max_size=4,
    ),
    st.binary(max_size=30),
)
def test_any_answer_never_raises(bodies: list[object], noise: bytes) -> None:
    """JSON of any shape and bytes of any kind are read as an answer, an error or a bad frame."""
    for adapter in BOTH:
        never_raises(adapter, bodies, noise)


@FUZZ
@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 3)), max_size=6))
def test_chunks_are_what_the_documents_carried(said: list[tuple[str, int]]) -> None:
    """Any texts with any number of ids."""
    answer = native(*(tokens(text, *range(1, count + 1)) for text, count in said))
    assert answer.chunk_ns == [at for at, (text, count) in enumerate(said) if text or count]
    if answer.chunk_tokens:
        assert [*accumulate(answer.chunk_tokens)][-1] == sum(count for _, count in said)
