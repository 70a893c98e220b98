"""Facts about SGLang: what is sent, and how running texts and running counts become chunks."""

import json
import time
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.adapters import Answer, HttpRequest, Wanted
from inferswarm.adapters.sglang import CHAT, COMPLETIONS, GENERATE, SGLangOpenAI
from inferswarm.framing.http1 import Response, read_response
from inferswarm.prompts import Prompt
from tests.builders import CAPTURES, FUZZ, MS, S, plain_answer, splits, stream_answer, tape

PROMPT = Prompt("San Francisco is a")
DONE = b"data: [DONE]\n\n"
LENGTH = {"type": "length", "length": 9}


def body(text: str | None, tokens: int | None, **fields: object) -> dict[str, object]:
    """An event's object; `finish_reason` and other meta fields by name, `index` and ids beside."""
    found: dict[str, object] = {} if text is None else {"text": text}
    for name in {"index", "output_ids"} & set(fields):
        found[name] = fields.pop(name)
    meta = {"id": "r", "prompt_tokens": 5, "completion_tokens": tokens, "finish_reason": None}
    return found | {"meta_info": meta | fields}


def event(text: str | None, tokens: int | None, **fields: object) -> bytes:
    """The same as an event."""
    return b"data: " + json.dumps(body(text, tokens, **fields)).encode() + b"\n\n"


def streamed(*payloads: bytes) -> Answer:
    """A streamed answer with payload i in read i."""
    whole = stream_answer(*payloads)
    reads, at = [], 0
    for payload in payloads:
        end = whole.index(payload, at) + len(payload)
        reads.append(whole[at:end])
        at = end
    reads.append(whole[at:])
    return GENERATE.read(read_response(tape(enumerate(reads)), closed=False), PROMPT.text)


def plain(data: bytes) -> Answer:
    """A plain answer in one read at instant 9."""
    recorded = tape([(9, plain_answer(data))])
    return GENERATE.read(read_response(recorded, closed=False), PROMPT.text)


def running(texts: Sequence[str], tokens: Sequence[int]) -> Answer:
    """A stream with these texts and running counts, one event a read."""
    *first, last = zip(texts, tokens, strict=True)
    events = [event(text, count) for text, count in first]
    return streamed(*events, event(*last, finish_reason={"type": "stop", "matched": 2}), DONE)


def sent(**wanted: object) -> dict[str, object]:
    """The body of a native request."""
    request = GENERATE.request(PROMPT, msgspec.convert(wanted, Wanted))
    assert (request.method, request.path) == ("POST", "/generate")
    found: dict[str, object] = json.loads(request.body)
    return found


def test_a_request_says_only_what_is_wanted() -> None:
    """The server rejects sampling fields that its version does not know."""
    assert sent(max_output_tokens=5) == {
        "text": PROMPT.text, "sampling_params": {"max_new_tokens": 5}, "stream": True,
    }  # fmt: skip


def test_everything_that_the_server_knows_is_sent() -> None:
    """By its own names, with further sampling fields among ours."""
    full = sent(
        stream=False, min_output_tokens=2, ignore_eos=True, temperature=0.0, top_p=1.0, top_k=3,
        seed=0, stop=("x",), extra_body={"sampling_params": {"n": 2, "top_k": 4}, "rid": "r"},
    )  # fmt: skip
    assert full == {
        "text": PROMPT.text,
        "sampling_params": {
            "max_new_tokens": 128, "min_new_tokens": 2, "ignore_eos": True, "temperature": 0.0,
            "top_p": 1.0, "top_k": 4, "sampling_seed": 0, "stop": ["x"], "n": 2,
        },
        "stream": False,
        "rid": "r",
    }  # fmt: skip


@pytest.mark.parametrize("adapter", [GENERATE, CHAT, COMPLETIONS], ids=["generate", "chat", "text"])
def test_what_the_server_does_not_know_is_refused(adapter: SGLangOpenAI) -> None:
    """On each of its routes, with a remedy."""
    for wanted in (Wanted(use_beam_search=True), Wanted(best_of=2, stream=False)):
        assert "leave it out" in adapter.refusal(wanted)
    assert adapter.refusal(Wanted(ignore_eos=True, min_output_tokens=3, top_k=1, seed=1)) == ""


def test_openai_routes_are_openais() -> None:
    """A running usage is asked for as vLLM takes it."""
    request = COMPLETIONS.request(PROMPT, Wanted(usage_per_chunk=True))
    options = json.loads(request.body)["stream_options"]
    assert options == {"include_usage": True, "continuous_usage_stats": True}
    assert CHAT.request(PROMPT, Wanted()).path == "/v1/chat/completions"


def test_cumulative_text_counts_where_it_grew() -> None:
    """Tokens without text of their own belong to the chunk that shows them."""
    answer = running(["", " a", " a", " aé", " aé b c"], [1, 2, 3, 4, 6])
    assert (answer.chunk_ns, answer.chunk_tokens) == ([1, 3, 4], [2, 2, 2])
    assert (answer.input_tokens, answer.output_tokens) == (5, 6)
    assert (answer.count_source, answer.finish_reason) == ("server_meta", "stop")
    assert (answer.streamed, answer.ended, answer.error, answer.bad_frame) == (True, True, "", "")


def test_incremental_text_counts_where_there_is_some() -> None:
    """The counts run on although the texts do not."""
    answer = running([" a", "", " b", " c d", ""], [1, 2, 3, 5, 6])
    assert (answer.chunk_ns, answer.chunk_tokens) == ([0, 2, 3], [1, 2, 2])
    assert answer.output_tokens == 6


@pytest.mark.parametrize(
    ("texts", "chunks"),
    [
        (["ha", "ha", "ha", "."], [0, 1, 2, 3]),
        (["ha", "ha", "ha", "ha"], [0, 1, 2, 3]),
        (["1", "12", "3", "3"], [0, 1, 2, 3]),
        (["a", "ab", "ab", "abc"], [0, 1, 3]),
        (["foo", "foo E", "foo EN", "foo "], [0, 1, 2]),
        (["", "", "a", "a"], [2]),
    ],
    ids=["repeated", "only repeated", "once a prefix", "paused", "stop string cut", "late"],
)
def test_the_way_of_the_text_is_found_out(texts: list[str], chunks: list[int]) -> None:
    """Repeated words do not look like a running text, nor a cut end like new words."""
    first = texts.index(next(filter(None, texts)))
    counts = [max(0, at - first + 1) for at in range(len(texts))]
    assert running(texts, counts).chunk_ns == chunks


def test_an_end_token_does_not_repeat_the_text() -> None:
    """One word and the end: its text stands still in the last event."""
    answer = running(["Yes", "Yes"], [1, 2])
    assert (answer.chunk_ns, answer.chunk_tokens, answer.output_tokens) == ([0], [1], 2)


@pytest.mark.parametrize(("last", "chunks"), [([7], [0, 1, 2]), ([7, 7, 7], [0])])
def test_token_ids_decide_where_they_are_sent(last: list[int], chunks: list[int]) -> None:
    """All of them so far, or only the new ones."""
    events = [event("ha", count) for count in (1, 2)]
    answer = streamed(*events, event("ha", 3, output_ids=last, finish_reason=LENGTH), DONE)
    assert answer.chunk_ns == chunks


def test_a_server_without_a_tokenizer_counts_alone() -> None:
    """No text, only ids and a running count."""
    events = [event(None, count, output_ids=[7] * count) for count in (1, 3, 3)]
    answer = streamed(*events, DONE)
    assert (answer.chunk_ns, answer.chunk_tokens, answer.output_tokens) == ([0, 1], [1, 2], 3)


def test_without_counts_chunks_are_all_there_is() -> None:
    """Then nothing is said to be the server's."""
    answer = streamed(b'data: {"text": "a"}\n\n', b'data: {"text": "ab"}\n\n', DONE)
    assert (len(answer.chunk_ns), answer.chunk_tokens) == (2, [])
    assert (answer.output_tokens, answer.count_source) == (None, "")


def test_several_sequences_run_beside_each_other() -> None:
    """Each has its own text and count; the chunks are in order of time."""
    answer = streamed(
        event("a", 1, index=0),
        event("x", 2, index=1),
        event("ab", 2, index=0),
        event("xy", 5, index=1, finish_reason=LENGTH),
        DONE,
    )
    assert (answer.chunk_ns, answer.chunk_tokens) == ([0, 1, 2, 3], [1, 2, 1, 3])
    assert (answer.input_tokens, answer.output_tokens) == (5, 7)


TIMES = {"e2e_latency": 0.93, "queue_time": 0.003, "decode_throughput": 127.0, "cached_tokens": 4}


def test_meta_info_tells_times_and_cached_tokens() -> None:
    """Seconds; decoding is the tokens after the first at their throughput."""
    answer = streamed(event("a", 1), event("ab", 128, finish_reason=LENGTH, **TIMES), DONE)
    assert answer.server_ns == {"queue": 3 * MS, "decode": S, "total": 930 * MS}
    assert answer.cached_tokens == 4


@pytest.mark.parametrize("value", [-1.0, 1e300])
def test_impossible_times_are_skipped(value: float) -> None:
    """They do not make the answer unreadable."""
    meta = {"queue_time": value, "e2e_latency": value, "decode_throughput": 5e-324}
    answer = plain(json.dumps(body("a", 3, **meta)).encode())
    assert (answer.server_ns, answer.chunk_ns) == ({}, [9])


def test_a_plain_answer_is_one_chunk_at_its_end() -> None:
    """With all of its tokens."""
    answer = plain(json.dumps(body("a b", 3, finish_reason=LENGTH, **TIMES)).encode())
    assert (answer.chunk_ns, answer.chunk_tokens, answer.streamed) == ([9], [3], False)
    assert (answer.output_tokens, answer.finish_reason, answer.ended) == (3, "length", True)
    assert plain(json.dumps(body("", 1)).encode()).chunk_ns == []


def test_several_plain_sequences_are_a_list() -> None:
    """Each is a chunk, and their tokens are summed."""
    answer = plain(json.dumps([body("a", 3), body("b", 4)]).encode())
    assert (answer.chunk_ns, answer.chunk_tokens, answer.output_tokens) == ([9, 9], [3, 4], 7)


def test_a_very_long_list_is_read_in_time() -> None:
    """What a hostile server sends is looked at once."""
    one = json.dumps(body("a", 1, output_ids=[7])).encode()
    whole = b"[" + b",".join([one] * 10_000) + b"]"
    started = time.thread_time()
    answers = [plain(whole), streamed(b"data: " + whole + b"\n\n")]
    assert time.thread_time() - started < 5
    assert [len(answer.chunk_ns) for answer in answers] == [10_000, 10_000]


def test_a_stream_without_its_end_has_not_ended() -> None:
    """A reason to finish ends it too."""
    assert not streamed(event("a", 1)).ended
    assert not streamed().ended
    assert streamed(event("a", 1, finish_reason=LENGTH)).ended


def test_errors_come_under_status_200() -> None:
    """What came before them stays; the first one is kept."""
    error = b'data: {"error":{"message":"too long","type":"x","code":400}}\n\n'
    answer = streamed(event("a", 1), error, error.replace(b"too", b"not"), DONE)
    assert (answer.error, answer.chunk_ns) == ("too long", [0])
    assert plain(b'{"error": {"message": "busy"}}').error == "busy"


def test_an_abort_is_an_error() -> None:
    """It comes as a reason to finish."""
    reason = {"type": "abort", "message": "server is full", "status_code": 503}
    answer = streamed(event("a", 1, finish_reason=reason), DONE)
    assert (answer.error, answer.finish_reason) == ("server is full", "abort")


def test_any_split_says_the_same() -> None:
    """However the bytes of a stream were cut."""
    whole = stream_answer(event("é", 1) + event("éa", 3, finish_reason=LENGTH) + DONE)
    for pieces in splits(whole):
        answer = GENERATE.read(read_response(tape(enumerate(pieces)), closed=False), "")
        assert (answer.chunk_tokens, answer.output_tokens, answer.ended) == ([1, 2], 3, True)
        assert answer.bad_frame == ""


def test_a_cut_plain_answer_is_not_read() -> None:
    """Half of a body says nothing."""
    assert GENERATE.read(Response(status=200, pieces=[(1, b"{")]), "") == Answer()


def test_models_are_listed_as_openai_does() -> None:
    """All of its routes share the list."""
    recorded = tape([(0, (CAPTURES / "vllm-0.32.0.models.http").read_bytes())])
    assert GENERATE.models_request() == HttpRequest("GET", "/v1/models")
    assert GENERATE.read_models(read_response(recorded, closed=False).body) == ["tiny"]


TEXTS = st.lists(st.sampled_from(["a", "b", " ", "é", ""]), min_size=1, max_size=8)


@FUZZ
@given(TEXTS)
def test_with_token_ids_both_ways_give_the_same_tokens(deltas: list[str]) -> None:
    """The same answer, sent either way, has its tokens at the same events, whatever its text."""
    counts = range(1, len(deltas) + 1)
    texts = ["".join(deltas[:count]) for count in counts]
    either = [
        [event(text, at, output_ids=[7] * at) for text, at in zip(texts, counts, strict=True)],
        [event(text, at, output_ids=[7]) for text, at in zip(deltas, counts, strict=True)],
    ]
    for events in either:
        answer = streamed(*events, DONE)
        assert answer.chunk_ns == [at for at, delta in enumerate(deltas) if delta]
        assert answer.output_tokens == len(deltas)


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["text", "meta_info", "index", "error", "output_ids", "completion_tokens",
                         "prompt_tokens", "finish_reason", "type", "queue_time", "e2e_latency",
                         "decode_throughput"]),
        inner,
        max_size=4,
    ),
)  # fmt: skip


@FUZZ
@given(st.lists(JSONISH, max_size=4), st.binary(max_size=30))
def test_any_answer_never_raises(bodies: list[object], noise: bytes) -> None:
    """JSON of any shape and bytes of any kind are read as an answer, an error or a bad frame."""
    encoded = [json.dumps(one).encode() for one in bodies]
    stream = b"".join(b"data: " + one + b"\n\n" for one in [*encoded, noise])
    answers = [plain(one) for one in [*encoded, noise]]
    told = Response(200, {"content-type": "text/event-stream"}, 1, [(1, stream)], complete=True)
    answers.append(GENERATE.read(told, ""))
    assert all(isinstance(answer, Answer) for answer in answers)


@pytest.mark.parametrize(
    "hostile",
    [b"[" * 50_000, b'{"error": ' + b"[" * 50_000, b'{"meta_info": {"finish_reason": ' + b"[" * 50_000,
     b'{"text": "\xff"}', b'{"meta_info": {"completion_tokens": -1}}', b"<html>", b"7"],
    ids=["deep", "deep error", "deep reason", "not UTF-8", "negative", "no JSON", "a number"],
)  # fmt: skip
def test_what_cannot_be_read_is_a_bad_frame(hostile: bytes) -> None:
    """Alone and in a stream."""
    assert plain(hostile).bad_frame
    assert streamed(event("a", 1), b"data: " + hostile + b"\n\n").bad_frame
