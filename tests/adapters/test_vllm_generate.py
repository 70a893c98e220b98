"""Facts about vLLM's older /generate: what is sent, and how text that repeats itself is counted."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.adapters import Answer, Wanted
from inferswarm.adapters.vllm_generate import GENERATE
from inferswarm.framing.http1 import read_response
from inferswarm.prompts import Prompt
from tests.builders import FUZZ, chunked, plain_answer, splits, tape

PROMPT = Prompt('San "F"')
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def document(*texts: str) -> bytes:
    """The sequences as the server writes them, each with the prompt before it."""
    return json.dumps({"text": [PROMPT.text + text for text in texts]}).encode()


def streamed(*payloads: bytes, whole: bool = True) -> Answer:
    """A streamed answer with payload i in read i."""
    reads = [HEAD, *(chunked(one, tail=b"") for one in payloads), b"0\r\n\r\n" if whole else b""]
    recorded = tape((at - 1, data) for at, data in enumerate(reads) if data)
    return GENERATE.read(read_response(recorded, closed=whole), PROMPT.text)


def plain(body: bytes) -> Answer:
    """A plain answer in one read at instant 9."""
    recorded = tape([(9, plain_answer(body))])
    return GENERATE.read(read_response(recorded, closed=False), PROMPT.text)


def sent(**wanted: object) -> dict[str, object]:
    """The body of the request."""
    request = GENERATE.request(PROMPT, msgspec.convert(wanted, Wanted))
    assert (request.method, request.path) == ("POST", "/generate")
    body: dict[str, object] = json.loads(request.body)
    return body


def test_only_what_is_wanted_is_sent() -> None:
    """The server rejects fields that its version does not know, so none is sent unasked."""
    assert sent() == {"prompt": PROMPT.text, "stream": True, "max_tokens": 128}
    full = sent(
        stream=False, min_output_tokens=2, ignore_eos=True, temperature=0.0, top_p=0.5, top_k=3,
        seed=0, best_of=2, use_beam_search=True, stop=("x",), extra_body={"n": 2, "max_tokens": 7},
    )  # fmt: skip
    assert full == {
        "prompt": PROMPT.text, "stream": False, "max_tokens": 7, "min_tokens": 2, "n": 2,
        "ignore_eos": True, "temperature": 0.0, "top_p": 0.5, "top_k": 3, "seed": 0, "best_of": 2,
        "use_beam_search": True, "stop": ["x"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted(use_beam_search=True, best_of=2), "--temperature 0"),
        (Wanted(use_beam_search=True, best_of=2, temperature=0.0), "--no-stream"),
        (Wanted(best_of=2), "--no-stream"),
        (Wanted(best_of=2, stream=False, temperature=0.0), "sampling"),
        (Wanted(), ""),
        (Wanted(best_of=1), ""),
        (Wanted(best_of=2, stream=False), ""),
        (Wanted(use_beam_search=True, best_of=2, stream=False, temperature=0.0), ""),
    ],
)
def test_what_sampling_params_rejects_is_refused(wanted: Wanted, why: str) -> None:
    """Each refusal names its remedy."""
    refusal = GENERATE.refusal(wanted)
    assert why in refusal
    assert bool(refusal) is bool(why)


@pytest.mark.parametrize("end", [b"\n", b"\0", b""])
def test_a_document_counts_when_its_text_grew(end: bytes) -> None:
    """The prompt before it is no token, and neither is a text that stands still."""
    texts = ["", " is", " is", " is a", " is a city"]
    answer = streamed(*(document(text) + end for text in texts))
    assert (answer.chunk_ns, answer.streamed, answer.ended) == ([1, 3, 4], True, True)
    assert (answer.output_tokens, answer.count_source, answer.chunk_tokens) == (None, "", [])
    assert (answer.error, answer.bad_frame) == ("", "")


def test_a_text_without_the_prompt_counts_as_a_whole() -> None:
    """Forks that do not repeat the prompt are found out, also where text is no list."""
    bare = [json.dumps({"text": text}).encode() for text in (["a"], ["ab"])]
    assert streamed(*bare).chunk_ns == [0, 1]
    assert streamed(b'{"text": "a"}\n').chunk_ns == [0]


def test_each_sequence_that_grew_is_a_chunk() -> None:
    """Several sequences come side by side in each document."""
    answer = streamed(document("a", "") + b"\n", document("ab", "c") + b"\n")
    assert answer.chunk_ns == [0, 1, 1]


def test_any_split_says_the_same() -> None:
    """However the bytes of an answer were cut."""
    body = b"".join(document(text) + b"\n" for text in (" is", " is a", " é"))
    for pieces in splits(HEAD + chunked(body)):
        recorded = tape(enumerate(pieces))
        answer = GENERATE.read(read_response(recorded, closed=False), PROMPT.text)
        assert (len(answer.chunk_ns), answer.ended, answer.bad_frame) == (2, True, "")


def test_a_plain_answer_is_one_chunk_at_its_end() -> None:
    """Its content type and its single document tell it from a stream."""
    answer = plain(document(" is a city"))
    assert (answer.chunk_ns, answer.streamed, answer.ended) == ([9], False, True)
    assert plain(document("")).chunk_ns == []


def test_a_stream_is_told_by_its_documents_or_its_type() -> None:
    """One document without a type is a short stream; several are one whatever their type."""
    assert streamed(document("a") + b"\n").streamed
    assert plain(document("a") + b"\n" + document("ab")).streamed


def test_a_cut_stream_has_not_ended() -> None:
    """Half a document is what a cut leaves; it is not the server's bad frame."""
    answer = streamed(document("a") + b"\n", document("ab")[:-4], whole=False)
    assert (answer.chunk_ns, answer.ended, answer.bad_frame) == ([0], False, "")


def test_half_a_document_in_a_whole_answer_is_a_bad_frame() -> None:
    """What came before it stays."""
    answer = streamed(document("a") + b"\n", document("ab")[:-4])
    assert answer.chunk_ns == [0]
    assert answer.bad_frame


def test_an_error_object_is_the_answers_error() -> None:
    """Forks send one although the original has no form for it."""
    answer = streamed(document("a") + b"\n", b'{"error": "out of memory"}\n{"error": "next"}\n')
    assert (answer.chunk_ns, answer.error) == ([0], "out of memory")


def test_there_is_no_list_of_models() -> None:
    """Nothing is asked for, and nothing is read."""
    assert GENERATE.models_request() is None
    with pytest.raises(ValueError, match="no list of models"):
        GENERATE.read_models(b"{}")


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "error", "message"]), inner, max_size=3)
    ),
)


@FUZZ
@given(st.lists(JSONISH, max_size=4), st.binary(max_size=30))
def test_any_answer_never_raises(bodies: list[object], noise: bytes) -> None:
    """JSON of any shape and bytes of any kind are read as an answer, an error or a bad frame."""
    encoded = [json.dumps(body).encode() + b"\n" for body in bodies]
    answers = [plain(one) for one in [*encoded, noise]]
    answers.append(streamed(*encoded, noise + b" "))
    assert all(isinstance(answer, Answer) for answer in answers)


@pytest.mark.parametrize(
    "hostile",
    [b"[" * 50_000, b'{"text": ' + b"[" * 50_000, b'{"text": ["\xff"]}', b'{"text": 7}', b"<html>"],
    ids=["deep", "deep text", "not UTF-8", "no text", "no JSON"],
)
def test_what_is_no_document_is_a_bad_frame(hostile: bytes) -> None:
    """Alone and in a stream."""
    assert plain(hostile).bad_frame
    assert streamed(document("a"), hostile).bad_frame
