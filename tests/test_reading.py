"""Facts about how an exchange becomes a record: how it ended, and what was counted when."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.adapters import tgi
from inferswarm.adapters.jetstream import GRPC
from inferswarm.adapters.openai import COMPLETIONS
from inferswarm.adapters.table import route
from inferswarm.exchange import Exchange, Outcome, Tape
from inferswarm.prompts import Message, Prompt
from inferswarm.reading import (
    ANSWER_LIMIT,
    BODY_HEAD_BYTES,
    Texts,
    read_exchange,
    reply_in,
    without_secrets,
)
from inferswarm.records import Record, decode_lines, encode_line
from inferswarm.summary import Summary
from inferswarm.timing import ttfo_ns, ttft_ns
from tests.builders import (
    CAPTURES,
    FUZZ,
    MS,
    S,
    asked,
    cut_at,
    exchange,
    plain_answer,
    stream_answer,
    tape,
)

TOKEN = b'data: {"choices": [{"text": "a"}]}\n\n'
DONE = b"data: [DONE]\n\n"
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}\n\n'
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
GOOD = stream_answer(TOKEN, TOKEN, DONE)


def chunk_of(data: bytes) -> tuple[bytes, bytes, bytes]:
    """One chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode(), data, b"\r\n"


def read(data: bytes, failure: Outcome | None = None, detail: str = "") -> Record:
    """The record of an exchange with this answer."""
    return read_exchange(exchange(data, failure, detail), asked(), COMPLETIONS)


def outcome(data: bytes, failure: Outcome | None = None) -> Outcome:
    """How an exchange with this answer ended."""
    return read(data, failure).outcome


CAPTURED = {
    # name: outcome, input tokens, output tokens, source, chunks with tokens, finish reason
    "vllm-0.32.0.chat.plain": ("ok", 17, 8, "server_usage", 1, "length"),
    "vllm-0.32.0.chat.stream": ("ok", 17, 8, "server_usage", 8, "length"),
    "vllm-0.32.0.chat.stream-nousage": ("ok", None, 4, "chunks", 4, "length"),
    "vllm-0.32.0.completions.plain": ("ok", 7, 8, "server_usage", 1, "length"),
    "vllm-0.32.0.completions.stream": ("ok", 7, 8, "server_usage", 8, "length"),
    "vllm-0.32.0.completions.stream-nousage": ("ok", None, 4, "chunks", 4, "length"),
    "vllm-0.32.0.err.404": ("http_404", None, 0, "chunks", 0, ""),
    "vllm-0.32.0.err.bad-json": ("http_400", None, 0, "chunks", 0, ""),
    "vllm-0.32.0.err.bad-model": ("http_404", None, 0, "chunks", 0, ""),
    "vllm-0.32.0.err.bad-type": ("http_400", None, 0, "chunks", 0, ""),
    "vllm-0.32.0.err.too-long": ("http_400", None, 0, "chunks", 0, ""),
    "vllm-0.32.0.metrics": ("bad_frame", None, 0, "chunks", 0, ""),
    "vllm-0.32.0.models": ("empty", None, 0, "chunks", 0, ""),
    "llama-cpp-python-0.3.36.chat.plain": ("ok", 17, 8, "server_usage", 1, "length"),
    "llama-cpp-python-0.3.36.chat.stream": ("ok", None, 7, "chunks", 7, "length"),
    "llama-cpp-python-0.3.36.chat.stream-nousage": ("ok", None, 3, "chunks", 3, "length"),
    "llama-cpp-python-0.3.36.completions.plain": ("ok", 7, 8, "server_usage", 1, "length"),
    "llama-cpp-python-0.3.36.completions.stream": ("ok", None, 8, "chunks", 8, "length"),
    "llama-cpp-python-0.3.36.completions.stream-nousage": ("ok", None, 4, "chunks", 4, "length"),
    "triton-2.51.0.config": ("empty", None, 0, "chunks", 0, ""),
    "triton-2.51.0.err.404": ("http_404", None, 0, "chunks", 0, ""),
    "triton-2.51.0.err.generate.bad-json": ("http_500", None, 0, "chunks", 0, ""),
    "triton-2.51.0.err.generate.bad-type": ("http_500", None, 0, "chunks", 0, ""),
    "triton-2.51.0.err.generate.missing-input": ("http_400", None, 0, "chunks", 0, ""),
    "triton-2.51.0.err.generate.model-error": ("http_400", None, 0, "chunks", 0, ""),
    "triton-2.51.0.err.generate.unknown-field": ("ok", None, 1, "chunks", 1, ""),
    "triton-2.51.0.err.generate_stream.missing-input": ("http_400", None, 0, "chunks", 0, ""),
    "triton-2.51.0.err.unknown-model": ("http_404", None, 0, "chunks", 0, ""),
    "triton-2.51.0.generate.minimal": ("ok", None, 1, "chunks", 1, ""),
    "triton-2.51.0.generate.plain": ("ok", None, 1, "chunks", 1, ""),
    "triton-2.51.0.generate.stream-true-on-generate": ("stream_error", None, 0, "chunks", 0, ""),
    "triton-2.51.0.generate_stream": ("ok", None, 6, "chunks", 6, ""),
    "triton-2.51.0.generate_stream.error-midstream": ("stream_error", None, 3, "chunks", 3, ""),
    "triton-2.51.0.generate_stream.model-error": ("http_400", None, 0, "chunks", 0, ""),
    "triton-2.51.0.generate_stream.stream-false": ("ok", None, 1, "chunks", 1, ""),
    "triton-2.51.0.infer.plain": ("http_501", None, 0, "chunks", 0, ""),
    "triton-2.51.0.metadata": ("empty", None, 0, "chunks", 0, ""),
    "triton-2.51.0.metrics": ("bad_frame", None, 0, "chunks", 0, ""),
    "triton-2.51.0.ready": ("bad_frame", None, 0, "chunks", 0, ""),
    "triton-2.51.0.stats": ("empty", None, 0, "chunks", 0, ""),
}


@pytest.mark.parametrize("name", CAPTURED)
def test_recorded_answers_become_their_records(name: str) -> None:
    """Outcome, counts, source, chunks and finish reason of every recorded answer."""
    given = exchange((CAPTURES / f"{name}.http").read_bytes())
    backend = "tensorrt_llm_triton" if name.startswith("triton") else "openai"
    record = read_exchange(given, asked(), route(backend).adapter)
    assert CAPTURED[name] == (
        record.kind,
        record.input_tokens,
        record.output_tokens,
        record.output_source,
        len(record.chunk_ns),
        record.finish_reason,
    )


def test_every_recorded_answer_is_in_the_table() -> None:
    """No capture is forgotten."""
    assert set(CAPTURED) == {path.stem for path in CAPTURES.glob("*.http")}


def test_an_http_error_keeps_what_the_server_said() -> None:
    """Status, a sentence and the beginning of the body are there for diagnosis."""
    record = read((CAPTURES / "vllm-0.32.0.err.too-long.http").read_bytes())
    assert (record.outcome, record.status, record.detail) == (
        Outcome.HTTP_STATUS,
        400,
        "HTTP 400",
    )
    assert "maximum context length is 4096" in record.body_head
    assert read(plain_answer(b"x" * 999, b"500 No")).body_head == "x" * BODY_HEAD_BYTES


def test_a_success_keeps_no_body() -> None:
    """Records of good answers stay small."""
    assert read(GOOD).body_head == ""


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (GOOD, Outcome.OK),
        (plain_answer(b'{"choices": [{"text": "a"}]}'), Outcome.OK),
        (plain_answer(b"{}", b"429 Too Many Requests"), Outcome.HTTP_STATUS),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", Outcome.HTTP_STATUS),
        (stream_answer(TOKEN, b'data: {"error": "no"}\n\n', DONE), Outcome.STREAM_ERROR),
        (plain_answer(b'{"error": "no"}'), Outcome.STREAM_ERROR),
        (stream_answer(TOKEN, b'data: {"cho\n\n', DONE), Outcome.BAD_FRAME),
        (plain_answer(b"<html>"), Outcome.BAD_FRAME),
        (b"SSH-2.0-x\r\n", Outcome.BAD_FRAME),
        (stream_answer(TOKEN, TOKEN), Outcome.TRUNCATED),
        (GOOD[:-7], Outcome.TRUNCATED),
        (b"", Outcome.TRUNCATED),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Outcome.TRUNCATED),
        (stream_answer(DONE), Outcome.EMPTY),
        (plain_answer(b'{"choices": [{"text": ""}]}'), Outcome.EMPTY),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Outcome.BAD_FRAME),
    ],
)
def test_outcomes_of_answers(data: bytes, expected: Outcome) -> None:
    """Each way in which an answer can end has its outcome, and a sentence unless it is good."""
    record = read(data)
    assert record.outcome is expected
    assert bool(record.detail) is (expected is not Outcome.OK)


@pytest.mark.parametrize("cut", range(1, len(GOOD)))
def test_a_stream_cut_anywhere_is_no_success(cut: int) -> None:
    """Whatever the server managed to send before it hung up."""
    assert outcome(GOOD[:cut], Outcome.TRUNCATED) is Outcome.TRUNCATED


DECIDED = [
    Outcome.CONNECT,
    Outcome.TLS,
    Outcome.TIMEOUT_CONNECT,
    Outcome.TIMEOUT_FIRST_BYTE,
    Outcome.TIMEOUT_IDLE,
    Outcome.TIMEOUT_TOTAL,
    Outcome.CANCELLED,
]


@pytest.mark.parametrize("failure", DECIDED)
@pytest.mark.parametrize("data", [b"", GOOD, GOOD[:-9], b"noise", plain_answer(b"{}", b"500 No")])
def test_what_the_transport_saw_goes_first(failure: Outcome, data: bytes) -> None:
    """Whatever is on the tape, a timeout is a timeout, told in the transport's words."""
    record = read(data, failure, "in its words")
    assert (record.outcome, record.detail) == (failure, "in its words")


def test_an_error_before_a_hang_up_is_the_error() -> None:
    """The first cause counts, and its end says nothing new."""
    cut = stream_answer(b'data: {"error": "no"}\n\n')[:-5]
    assert outcome(cut, Outcome.TRUNCATED) is Outcome.STREAM_ERROR
    half = plain_answer(b'{"error": "long"}', b"500 No")[:-4]
    assert outcome(half, Outcome.TRUNCATED) is Outcome.HTTP_STATUS


def test_plain_json_to_a_question_for_a_stream_is_not_streamed() -> None:
    """The record says what came, so no TTFT is made of it."""
    record = read(plain_answer(b'{"choices": [{"text": "a"}]}'))
    assert (record.outcome, record.streamed, ttft_ns(record)) == (Outcome.OK, False, None)
    assert read(b"").streamed is True


def test_times_count_from_sent() -> None:
    """First byte, head and chunks have the times of their reads."""
    pieces = cut_at(GOOD, [10, GOOD.index(b"data"), GOOD.index(DONE)])
    given_tape = tape((S + (i + 1) * 10 * MS, piece) for i, piece in enumerate(pieces))
    record = read_exchange(
        Exchange(
            S - MS, S, 2 * S, Tape(given_tape.data, given_tape.arrived_ns, given_tape.ends, 2)
        ),
        asked(),
        COMPLETIONS,
    )
    assert (record.first_byte_ns, record.headers_ns) == (10 * MS, 20 * MS)
    assert record.chunk_ns == [30 * MS, 30 * MS]
    assert (record.reads, record.merged_reads, record.bytes_in) == (4, 2, len(GOOD))


def test_reasoning_is_kept_apart() -> None:
    """A record tells after how many chunks the answer proper began."""
    thought = b'data: {"choices": [{"delta": {"reasoning_content": "hm"}}]}\n\n'
    record = read(stream_answer(thought, thought, TOKEN, DONE))
    assert (record.reasoning_chunks, len(record.chunk_ns)) == (2, 3)
    assert ttfo_ns(record) == record.chunk_ns[2]


def test_who_asked_and_how_it_went_is_passed_on() -> None:
    """Every field of question and exchange arrives in the record."""
    given = Exchange(
        1, 2, 9, Tape(), Outcome.TLS, "bad", connect_ns=3, tls_ns=4, reused=True,
        address="127.0.0.1:1", retries=1, bytes_out=7,
    )  # fmt: skip
    assert read_exchange(given, asked(), COMPLETIONS) == Record(
        k=5, worker=1, due_ns=1, sent_ns=2, end_ns=9, outcome=Outcome.TLS, backend="openai",
        api="completions", streamed=True, prompt=2, prompt_chars=30, detail="bad", connect_ns=3,
        tls_ns=4, reused=True, address="127.0.0.1:1", retries=1, output_source="chunks", bytes_out=7,
    )  # fmt: skip


HOSTILE = {
    "a usage without end": b'data: {"choices": [], "usage": {"completion_tokens": %s}}\n\n'
    % (b"9" * 40),
    "a negative usage": b'data: {"choices": [], "usage": {"completion_tokens": -5}}\n\n',
    "deep nesting": b'data: {"error": ' + b"[" * 20_000 + b"\n\n",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_answer_still_gives_a_record_that_can_be_kept(case: str) -> None:
    """It can be written, read again, summed up and sent to the master."""
    keep(read(stream_answer(TOKEN, HOSTILE[case], DONE)))


def keep(record: Record) -> None:
    """Do with a record what a worker does, and check that it survives."""
    assert list(decode_lines(iter([encode_line(record)]))) == [record]
    summary = Summary()
    summary.add(record)
    assert Summary.unpack(summary.pack()).attempted == 1


@FUZZ
@given(
    st.sampled_from([GOOD, plain_answer(b'{"choices": []}'), b""]),
    st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=6)), max_size=4),
    st.sampled_from([None, *Outcome]),
)
def test_any_answer_gives_a_record_that_can_be_kept(
    data: bytes, spoiled: list[tuple[int, bytes]], failure: Outcome | None
) -> None:
    """Nothing that a server sends raises here or anywhere behind."""
    for where, noise in spoiled:
        data = data[:where] + noise + data[where + len(noise) // 2 :]
    keep(read(data, failure))


@pytest.mark.parametrize(
    ("pieces", "merged"),
    [
        ([TOKEN, TOKEN, TOKEN, DONE], 0),
        ([TOKEN + TOKEN, TOKEN, DONE], 1),
        ([TOKEN + TOKEN, TOKEN + TOKEN + TOKEN, DONE], 2),
        ([TOKEN, TOKEN + USAGE + DONE], 0),
    ],
)
def test_reads_of_several_tokens_are_merged(pieces: list[bytes], merged: int) -> None:
    """Tokens that came in one read have only a bound; usage and end beside a token blur nothing."""
    bodies = [b"".join(chunk_of(event)) for event in pieces]
    data = STREAM_HEAD + b"".join(bodies) + b"0\r\n\r\n"
    ends = list(itertools.accumulate([len(STREAM_HEAD), *map(len, bodies), 5]))
    taped = Tape(data, [MS * i for i in range(len(ends))], ends)
    record = read_exchange(Exchange(1, 1, S, taped), asked(), COMPLETIONS)

    assert record.ok
    assert record.merged_reads == merged


@pytest.mark.parametrize(
    ("name", "outcome", "tokens", "detail"),
    [
        ("stream", Outcome.OK, 5, ""),
        ("stream_two_ids", Outcome.OK, 10, ""),
        ("refused", Outcome.STREAM_ERROR, 0, "RESOURCE_EXHAUSTED: queue full: 100% of ü"),
        ("broken", Outcome.STREAM_ERROR, 3, "INTERNAL: broke"),
    ],
)
def test_the_framing_of_an_exchange_says_how_its_tape_is_read(
    name: str, outcome: Outcome, tokens: int, detail: str
) -> None:
    """Calls of gRPC's own server are records like all others."""
    data = (CAPTURES / f"grpcio-1.85.1.decode.{name}.http2").read_bytes()
    found = read_exchange(replace(exchange(data), framing="http2"), asked(), GRPC)

    assert (found.outcome, found.output_tokens, found.detail) == (outcome, tokens, detail)
    assert (found.status, found.streamed) == (200, True)
    assert found.output_source == ("token_ids" if tokens else "chunks")


def test_an_answer_in_another_protocol_is_a_bad_frame() -> None:
    """A port that speaks HTTP/1.1 where gRPC was wanted."""
    found = read_exchange(replace(exchange(plain_answer(b"{}")), framing="http2"), asked(), GRPC)

    assert found.outcome is Outcome.BAD_FRAME
    assert "HTTP/1" in found.detail


TEXTS = [
    # kept, of an answer with usage, of one without
    (Texts(), "", ""),
    (Texts(uncounted=True), "", "aa"),
    (Texts(all=True), "aa", "aa"),
]


@pytest.mark.parametrize(("texts", "counted", "uncounted"), TEXTS)
def test_words_are_kept_where_somebody_needs_them(
    texts: Texts, counted: str, uncounted: str
) -> None:
    """Of all answers, of those whose length the server did not tell, or of none."""
    told = stream_answer(TOKEN, TOKEN, USAGE, DONE)

    assert read_exchange(exchange(told), asked(), COMPLETIONS, texts).answer == counted
    assert read_exchange(exchange(GOOD), asked(), COMPLETIONS, texts).answer == uncounted


def test_words_are_kept_of_what_came_before_a_cut_and_of_no_refusal() -> None:
    """Text that was answered, whatever ended it; an error page is none."""
    cut = exchange(GOOD[: GOOD.index(DONE)], Outcome.TIMEOUT_IDLE)
    refused = exchange(plain_answer(b'{"choices": [{"text": "a"}]}', b"500 Broken"))
    kept = Texts(all=True)

    assert read_exchange(cut, asked(), COMPLETIONS, kept).answer == "aa"
    assert read_exchange(refused, asked(), COMPLETIONS, kept).answer == ""


def test_words_are_bounded_and_hide_secrets() -> None:
    """Like everything that a server may echo."""
    body = b'{"choices": [{"text": "%s"}]}' % (b"x" * (ANSWER_LIMIT + 1))
    long = read_exchange(exchange(plain_answer(body)), asked(), COMPLETIONS, Texts(all=True))
    echo = read_exchange(
        exchange(plain_answer(b'{"choices": [{"text": "key s3cret!"}]}')),
        asked(),
        COMPLETIONS,
        Texts(all=True),
    )

    assert len(long.answer) == ANSWER_LIMIT
    assert without_secrets(echo, ("s3cret",)).answer == "key ***!"


def test_a_prompts_own_count_is_the_input_where_the_server_told_none() -> None:
    """Not of a prompt with a history, whose own text is only a part of what is sent."""
    told = replace(asked(), prompt=Prompt("a b", input_tokens=2))
    more = replace(asked(), prompt=Prompt("a b", input_tokens=2, history=[Message("user", "c")]))
    usage = stream_answer(TOKEN, TOKEN, USAGE, DONE)

    found = [
        read_exchange(exchange(data), one, COMPLETIONS)
        for data, one in ((GOOD, told), (GOOD, more), (GOOD, asked()), (usage, told))
    ]
    assert [(one.input_tokens, one.input_source) for one in found] == [
        (2, "tokenizer"),
        (None, ""),
        (None, ""),
        (1, "server_usage"),
    ]


def test_a_turn_is_recorded_with_the_length_of_its_whole_history() -> None:
    """So a request of a conversation is found again, and its length is what was sent."""
    turn = Prompt("and now", 2, history=[Message("user", "hi"), Message("assistant", " you")])
    question = replace(asked(), prompt=turn, turn=1, turns=3)
    made = read_exchange(exchange(stream_answer(TOKEN, DONE)), question, COMPLETIONS)

    assert (made.turn, made.turns) == (1, 3)
    assert made.prompt_chars == len("hi you" + "and now")


def test_the_reply_of_a_format_without_reasoning_is_its_text() -> None:
    """Of OpenAI's it is what was said; of others all words."""
    answered = exchange(stream_answer(TOKEN, TOKEN, DONE))
    assert reply_in(answered, asked(), COMPLETIONS) == "aa"
    generated = exchange(plain_answer(b'{"generated_text":" well"}'))
    assert reply_in(generated, asked(), tgi.GENERATE) == " well"
