"""Facts about the words of an answer: what every format's adapter takes out of what was sent."""

import json

import pytest

from inferswarm.adapters import Adapter, jetstream, jetstream_http, sax, sglang, tgi, triton
from inferswarm.adapters.openai import CHAT, COMPLETIONS
from inferswarm.adapters.table import BACKENDS
from inferswarm.adapters.texts import in_order
from inferswarm.adapters.vllm_generate import GENERATE as VLLM_GENERATE
from inferswarm.framing import http2
from inferswarm.framing.http1 import Response, read_response
from tests.adapters.answers import JSON_HEAD, at_every_split, captured
from tests.builders import CAPTURES, chunked, plain_answer, stream_answer, tape

PROMPT = "a b"
CAPTURED: dict[str, tuple[Adapter, str]] = {
    "llama-cpp-python-0.3.36.chat.plain": (CHAT, "port>>> mIS mPO setattr"),
    "llama-cpp-python-0.3.36.chat.stream": (CHAT, "port>>> mIS mPO setattr"),
    "llama-cpp-python-0.3.36.chat.stream-nousage": (CHAT, "port>>> m"),
    "llama-cpp-python-0.3.36.completions.plain": (
        COMPLETIONS,
        "blake Foundation binaryhas ==toraise so",
    ),
    "llama-cpp-python-0.3.36.completions.stream": (
        COMPLETIONS,
        "blake Foundation binaryhas ==toraise so",
    ),
    "triton-2.51.0.generate.minimal": (triton.GENERATE, " micole kadura mirale jukadu"),
    "triton-2.51.0.generate.plain": (
        triton.GENERATE,
        " levöti vörapu gicole rasemi fegipu rakati mibara gikati",
    ),
    "triton-2.51.0.generate_stream": (
        triton.GENERATE,
        " levöti vörapu gicole rasemi fegipu rakati",
    ),
    "triton-2.51.0.generate_stream.error-midstream": (triton.GENERATE, " hotino seragi hogira"),
    "triton-2.51.0.generate_stream.model-error": (triton.GENERATE, ""),
    "vllm-0.32.0.chat.plain": (CHAT, "operator doptscwriteID Not locals"),
    "vllm-0.32.0.chat.stream": (CHAT, "operator doptscwriteID Not locals"),
    "vllm-0.32.0.completions.plain": (COMPLETIONS, "operator doinescwriteID Not locals"),
    "vllm-0.32.0.completions.stream": (COMPLETIONS, "operator doinescwriteID Not locals"),
}


def text(adapter: Adapter, whole: bytes) -> str:
    """The words of an answer that came in one read."""
    return adapter.text(read_response(tape([(1, whole)]), closed=False), PROMPT)


def events(*bodies: object) -> bytes:
    """A stream of these."""
    return stream_answer(*(b"data: " + json.dumps(body).encode() + b"\n\n" for body in bodies))


def documents(*bodies: object) -> bytes:
    """JSON documents with nothing between them."""
    return JSON_HEAD + chunked(*(json.dumps(body).encode() for body in bodies))


def plain(body: object) -> bytes:
    """A plain answer."""
    return plain_answer(json.dumps(body).encode())


def deltas(*said: dict[str, object], key: str = "delta") -> list[dict[str, object]]:
    """An event of a chat stream for each."""
    return [{"choices": [{"index": 0, key: one}]} for one in said]


@pytest.mark.parametrize("name", CAPTURED)
def test_the_words_of_captured_answers_are_those_sent(name: str) -> None:
    """Streamed and plain, whole and cut at every byte."""
    adapter, words = CAPTURED[name]

    assert text(adapter, captured(name)) == words
    at_every_split(adapter, PROMPT, captured(name))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stream", " tok0 tok1 tok2 tok3 tok4"),
        ("stream_two_ids", " tok0 tok1 tok2 tok3 tok4"),
        ("broken", " tok0 tok1 tok2"),
        ("refused", ""),
    ],
)
def test_the_words_of_captured_grpc_answers_are_those_sent(name: str, words: str) -> None:
    """Message by message, as far as they came."""
    data = (CAPTURES / f"grpcio-1.85.1.decode.{name}.http2").read_bytes()
    response = http2.read_response(tape([(1, data)]), closed=True)

    assert jetstream.GRPC.text(response, PROMPT) == words


REASONED = deltas(
    {"role": "assistant", "content": ""},
    {"reasoning": "think", "reasoning_content": "think"},
    {"reasoning_content": " more"},
    {"content": "an"},
    {"content": "swer"},
)
CALLS = deltas(
    {"tool_calls": [{"function": {"name": "find", "arguments": ""}}]},
    {"tool_calls": [{"function": {"arguments": '{"a": 1}'}}, {"function": None}, 7]},
)


def meta(text: str, tokens: int, **more: object) -> dict[str, object]:
    """What SGLang sends."""
    return {"text": text, "meta_info": {"completion_tokens": tokens}, **more}


@pytest.mark.parametrize(
    ("adapter", "whole", "words"),
    [
        (CHAT, events(*REASONED), "think moreanswer"),
        (CHAT, plain(deltas({"reasoning": "a", "content": "b"}, key="message")[0]), "ab"),
        (CHAT, events(*CALLS), 'find{"a": 1}'),
        (CHAT, stream_answer(b"data: [DONE]\n\n"), ""),
        (
            COMPLETIONS,
            events(
                {"choices": [{"index": 1, "text": "c"}, {"index": 0, "text": "a"}]},
                {"choices": [{"index": 0, "text": "b"}]},
                {"error": "busy"},
            ),
            "abc",
        ),
        (COMPLETIONS, plain({"choices": [{"text": "a"}, {"text": "b"}]}), "ab"),
        (sax.QUERY, plain([["said", 0.5], ["other", 0.1]]), "said"),
        (sax.QUERY, plain(json.dumps(["said"])), "said"),
        (sax.QUERY, plain({"choices": [{"text": "said"}]}), "said"),
        (sax.PROMPT, plain({"text": ["said", "other"]}), "said"),
        (sax.QUERY, plain({"error": "busy"}), ""),
        (sglang.GENERATE, events(meta("a", 1), meta("ab", 2), meta("ab", 3)), "ab"),
        (sglang.GENERATE, events(meta("a", 1), meta("b", 2), meta("", 3)), "ab"),
        (
            sglang.GENERATE,
            events(meta("x", 1, index=1), meta("a", 1, index=0), meta("ab", 2, index=0)),
            "abx",
        ),
        (sglang.GENERATE, plain([meta("a", 1), meta("b", 1)]), "ab"),
        (
            tgi.GENERATE,
            events({"token": {"text": "a"}}, {"token": {"text": "</s>", "special": True}}),
            "a",
        ),
        (
            tgi.GENERATE,
            events({"token": {"text": "a"}}, {"token": {"text": "b"}, "generated_text": "ab."}),
            "ab.",
        ),
        (tgi.GENERATE, plain({"generated_text": "ab"}), "ab"),
        (triton.GENERATE, events({"text_output": "a b c"}, {"text_output": "a b c d"}), " c d"),
        (triton.GENERATE, events({"text_output": PROMPT}, {"text_output": " c"}), " c"),
        (triton.GENERATE, plain({"text_output": ["a b c", "a b x"]}), " c"),
        (VLLM_GENERATE, documents({"text": ["a b c"]}, {"text": ["a b c d"]}), " c d"),
        (
            VLLM_GENERATE,
            documents({"text": ["a bc", "a bx"]}, {"text": ["a bcd", "a bxy"]}),
            "cdxy",
        ),
        (jetstream_http.GENERATE, documents({"text": "a"}, {"text": "b"}), "ab"),
        (jetstream_http.GENERATE, plain({"response": "ab"}), "ab"),
        (
            jetstream_http.V1,
            documents(
                {"streamContent": {"samples": [{"text": "a", "tokenIds": [1]}, {"text": "x"}]}},
                {"streamContent": {"samples": [{"text": "b"}]}},
            ),
            "ab",
        ),
    ],
)
def test_the_words_of_a_format_are_put_together(adapter: Adapter, whole: bytes, words: str) -> None:
    """Whatever the form: increments, all text so far, the prompt before it, several choices."""
    assert text(adapter, whole) == words


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_answer_has_no_words(backend: str) -> None:
    """An empty body, complete or cut, of every route."""
    for adapter in BACKENDS[backend].apis.values():
        for complete in (True, False):
            assert adapter.text(Response(200, complete=complete), PROMPT) == ""


def test_a_cut_stream_has_the_words_that_came() -> None:
    """The last event, of which half is missing, says nothing."""
    whole = stream_answer(*(b'data: {"choices": [{"text": "%c"}]}\n\n' % one for one in b"abc"))
    cut = whole[: whole.index(b'"c"')]

    assert COMPLETIONS.text(read_response(tape([(1, cut)]), closed=False), PROMPT) == "ab"


def test_choices_follow_each_other_by_their_number() -> None:
    """Whatever the order in which their words came."""
    assert in_order([(1, "c"), (0, "a"), (1, "d"), (0, "b")]) == "abcd"
    assert in_order([]) == ""
