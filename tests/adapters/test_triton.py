"""Facts about TensorRT-LLM behind Triton: what is sent, and what objects and events say."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.adapters import Adapter, Answer, Wanted
from inferswarm.adapters.triton import GENERATE, LLM_API
from inferswarm.exchange import Outcome
from inferswarm.framing.http1 import Response
from inferswarm.prompts import Prompt
from inferswarm.reading import read_exchange
from tests.adapters.answers import (
    HOSTILE,
    at_every_split,
    captured,
    jsonish,
    never_raises,
    plain,
    streamed,
)
from tests.builders import CAPTURES, FUZZ, asked, exchange

PROMPT = Prompt("What is machine learning?\n")
TIMES = {
    "arrival_time_ns": "76735247746000",
    "first_scheduled_time_ns": "76735248284000",
    "first_token_time_ns": "76735374300000",
    "last_token_time_ns": "76736545324000",
}


def event(text: object, **fields: object) -> bytes:
    """One event, with the fields that Triton puts around the text."""
    body = {"model_name": "ensemble", "sequence_end": False, "text_output": text, **fields}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def heard(*payloads: bytes) -> Answer:
    """The answer to a stream with payload i in read i."""
    return streamed(GENERATE, PROMPT.text, *payloads)


def told(text: object, **fields: object) -> Answer:
    """The answer to a plain object in one read at instant 9."""
    return plain(GENERATE, PROMPT.text, json.dumps({"text_output": text, **fields}).encode())


def sent(adapter: Adapter, **wanted: object) -> tuple[str, dict[str, object]]:
    """Path and body of the request for what is wanted, without the prompt."""
    request = adapter.request(PROMPT, msgspec.convert(wanted, Wanted))
    body = json.loads(request.body)
    assert request.method == "POST"
    assert body.pop("text_input") == PROMPT.text
    return request.path, body


USUAL = {
    "bad_words": "", "stop_words": "", "exclude_input_in_output": True,
    "return_num_input_tokens": True, "return_num_output_tokens": True,
}  # fmt: skip


@pytest.mark.parametrize(("stream", "verb"), [(True, "generate_stream"), (False, "generate")])
def test_a_request_has_the_required_inputs_and_asks_for_counts(*, stream: bool, verb: str) -> None:
    """Each way has its path; nothing of the sampling is sent that was not asked for."""
    path, body = sent(GENERATE, model="ensemble", max_output_tokens=5, stream=stream)
    assert path == f"/v2/models/ensemble/{verb}"
    assert body == {**USUAL, "max_tokens": 5, "stream": stream}


def test_everything_that_the_models_know_is_sent() -> None:
    """Under both names where versions differ; stop texts are a list."""
    wanted = {
        "temperature": 0.5, "top_p": 0.9, "top_k": 5, "seed": 3, "min_output_tokens": 2,
        "stop": ["x", "y"], "stream": False, "use_beam_search": True, "best_of": 4,
    }  # fmt: skip
    assert sent(GENERATE, model="m", **wanted)[1] == {
        **USUAL, "max_tokens": 128, "stream": False, "temperature": 0.5, "top_p": 0.9, "top_k": 5,
        "seed": 3, "random_seed": 3, "min_tokens": 2, "min_length": 2, "stop_words": ["x", "y"],
        "beam_width": 4,
    }  # fmt: skip


def test_exact_lengths_are_asked_for_by_the_lower_bound() -> None:
    """The format has no word for ignoring the end."""
    body = sent(GENERATE, model="m", ignore_eos=True, max_output_tokens=7)[1]
    assert (body["min_tokens"], body["min_length"], body["max_tokens"]) == (7, 7, 7)


def test_any_name_of_a_model_stays_one_part_of_the_path() -> None:
    """Whatever signs it has."""
    assert sent(GENERATE, model="a b/ü?")[0] == "/v2/models/a%20b%2F%C3%BC%3F/generate_stream"


def test_the_newer_backend_has_names_of_its_own() -> None:
    """Another model, another prefix, and streaming by another word."""
    path, body = sent(LLM_API, model="tensorrt_llm", temperature=0.5, stop=["x"], seed=3, top_k=2)
    assert path == "/v2/models/tensorrt_llm/generate_stream"
    assert body == {
        "sampling_param_max_tokens": 128,
        "sampling_param_temperature": 0.5,
        "sampling_param_top_k": 2,
        "sampling_param_seed": 3,
        "sampling_param_stop": ["x"],
        "sampling_param_exclude_input_from_output": True,
        "streaming": True,
        "return_finish_reason": True,
    }


@pytest.mark.parametrize("adapter", [GENERATE, LLM_API])
def test_extra_fields_win_over_ours(adapter: Adapter) -> None:
    """Who sets a field by hand means it."""
    extra = {"exclude_input_in_output": False, "return_perf_metrics": True, "streaming": False}
    assert sent(adapter, model="m", extra_body=extra)[1].items() >= extra.items()


@pytest.mark.parametrize(
    ("adapter", "wanted", "why"),
    [
        (GENERATE, Wanted(use_beam_search=True, best_of=2), "use_beam_search .* --no-stream"),
        (GENERATE, Wanted(stream=False, best_of=2), "best_of .* --use-beam-search"),
        (LLM_API, Wanted(best_of=2), "best_of .* --no-stream"),
        (LLM_API, Wanted(stream=False, use_beam_search=True), "use_beam_search .* leave it out"),
        (LLM_API, Wanted(ignore_eos=True), "ignore_eos is not known"),
        (LLM_API, Wanted(min_output_tokens=2), "min_output_tokens is not known"),
        (LLM_API, Wanted(usage_per_chunk=True), "usage_per_chunk is not known"),
    ],
)
def test_what_would_be_rejected_or_ignored_is_refused(
    adapter: Adapter, wanted: Wanted, why: str
) -> None:
    """The refusal names the option and the remedy."""
    assert re.match(rf"request\.{why}", adapter.refusal(wanted))


def test_what_the_models_know_is_not_refused() -> None:
    """Beams that are not streamed, and the best of one answer."""
    assert GENERATE.refusal(Wanted(stream=False, use_beam_search=True, best_of=2)) == ""
    assert GENERATE.refusal(Wanted(ignore_eos=True, best_of=1)) == ""
    assert LLM_API.refusal(Wanted(stream=False, best_of=2)) == ""


NOT_ONE = "generate expects model to produce exactly 1 response"
FAILED = "in ensemble 'ensemble', made to fail after 3 tokens"
CAPTURED = {
    # name: chunks with tokens, what the error begins with
    "generate.plain": (1, ""),
    "generate.minimal": (1, ""),
    "err.generate.unknown-field": (1, ""),
    "generate.stream-true-on-generate": (0, NOT_ONE),
    "generate_stream": (6, ""),
    "generate_stream.stream-false": (1, ""),
    "generate_stream.error-midstream": (3, FAILED),
}


@pytest.mark.parametrize("name", CAPTURED)
def test_recorded_answers_say_what_they_say(name: str) -> None:
    """Every recorded 200 of a real Triton, at every split; its log probabilities are zeros."""
    answer = at_every_split(GENERATE, PROMPT.text, captured(f"triton-2.51.0.{name}"))
    chunks, error = CAPTURED[name]
    assert len(answer.chunk_ns) == chunks
    assert answer.error.startswith(error)
    assert bool(answer.error) == bool(error)
    assert answer.streamed is name.startswith("generate_stream")
    assert answer.ended
    assert (answer.output_tokens, answer.count_source, answer.bad_frame) == (None, "", "")


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in CAPTURES.glob("triton-2.51.0.err.*.http"))
)
def test_recorded_refusals_are_failures(name: str) -> None:
    """Those with another status than 200 are told by it, whatever their body."""
    record = read_exchange(exchange(captured(name)), asked(), GENERATE)
    if name.endswith("unknown-field"):
        assert (record.outcome, record.status) == (Outcome.OK, 200)
    else:
        assert record.outcome is Outcome.HTTP_STATUS
        assert record.status in (400, 404, 500)
        assert '"error"' in record.body_head


def test_every_text_of_an_incremental_stream_is_a_chunk() -> None:
    """Also one that is said again; empty ones, as the last, are none."""
    answer = heard(event(" a"), event(" a"), event(""), event(" b"), event(" b"), event(""))
    assert answer.chunk_ns == [0, 1, 3, 4]
    assert (answer.streamed, answer.ended, answer.output_tokens) == (True, True, None)


def test_a_text_that_accumulates_is_a_chunk_where_it_grew() -> None:
    """BLS with `accumulate_tokens`, and the newer backend; a letter may be completed later."""
    texts = [" a", " a", " a caf\ufffd", " a café", " a café is", " a café is", ""]
    assert heard(*map(event, texts)).chunk_ns == [0, 2, 4]


@pytest.mark.parametrize("first", [PROMPT.text, " " + PROMPT.text.strip()])
def test_a_prompt_that_is_repeated_is_no_token(first: str) -> None:
    """Alone or with the first token behind it, in every way of streaming and in plain answers."""
    assert heard(event(first), event(" a"), event(" b")).chunk_ns == [1, 2]
    assert heard(event(first + " a"), event(" b")).chunk_ns == [0, 1]
    assert heard(event(first), event(first + " a"), event(first + " a b")).chunk_ns == [1, 2]
    assert told(first).chunk_ns == []
    assert told(first + " a").chunk_ns == [9]
    assert told("other").chunk_ns == [9]


def test_an_empty_prompt_repeats_nothing() -> None:
    """Every text begins with it."""
    assert streamed(GENERATE, "", event("a"), event("b")).chunk_ns == [0, 1]


def test_tokens_that_the_server_counts_are_taken_chunk_by_chunk() -> None:
    """What came without text belongs to the next chunk, or to the total."""
    answer = heard(
        event("", num_output_tokens=1, num_input_tokens=6),
        event(" a", num_output_tokens=1, num_input_tokens=6),
        event(" b c", num_output_tokens="2", num_input_tokens=[6]),
        event("", num_output_tokens=1, num_input_tokens=6),
    )
    assert (answer.chunk_ns, answer.chunk_tokens) == ([1, 2], [2, 2])
    assert (answer.input_tokens, answer.output_tokens) == (6, 5)
    assert answer.count_source == "server_meta"


def test_counts_of_some_chunks_are_none() -> None:
    """Zeros stand for counts that a version does not make."""
    answer = heard(event(" a", num_output_tokens=1), event(" b", num_output_tokens=0))
    assert (answer.chunk_tokens, answer.output_tokens, answer.count_source) == ([], None, "")


@pytest.mark.parametrize(
    ("text", "fields", "tokens"),
    [
        (" a b", {"num_output_tokens": 2, "num_input_tokens": 6}, 2),
        (" a b", {"num_output_tokens": 0, "output_log_probs": [-0.5, 0.0, -1]}, 3),
        (" a b", {"output_log_probs": [[-0.5, 0.0]]}, 2),
        (" a b", {"output_log_probs": [0.0, 0.0]}, None),
        (" a b", {"output_log_probs": -0.5}, None),
        (" a b", {"output_log_probs": ["x"]}, None),
        (" a b", {"num_output_tokens": 1 << 40}, None),
        (PROMPT.text + " a b", {"num_output_tokens": 8, "num_input_tokens": 6}, 2),
        (PROMPT.text + " a b", {"num_output_tokens": 8}, None),
        ([" a b", " a c"], {"num_output_tokens": 4, "output_log_probs": [-0.5] * 4}, None),
    ],
)
def test_tokens_of_a_plain_answer(text: object, fields: dict[str, object], tokens: int) -> None:
    """By the server's count, without the prompt; else by the log probabilities, unless all are 0."""
    answer = told(text, **fields)
    assert (answer.chunk_ns, answer.output_tokens) == ([9], tokens)
    assert answer.count_source == ("server_meta" if tokens or answer.input_tokens else "")


@pytest.mark.parametrize("as_number", [str, int])
def test_the_servers_own_times_are_told(as_number: type) -> None:
    """As texts or numbers, in plain answers and in the last event of a stream."""
    times = {name: as_number(value) for name, value in TIMES.items()}
    spans = {"queue": 538_000, "prefill": 126_016_000, "decode": 1_171_024_000}
    assert told(" a", **times).server_ns == spans
    assert heard(event(" a"), event("", **times)).server_ns == spans


@pytest.mark.parametrize("wrong", ["", "0", "-5", "soon", "9" * 30, None, True, 1.5, ["1", "2"]])
def test_times_that_are_none_are_left_out(wrong: object) -> None:
    """Zeros and nonsense tell nothing, and what they bound is left out."""
    assert told(" a", **TIMES | {"first_scheduled_time_ns": wrong}).server_ns == {
        "decode": 1_171_024_000
    }


def test_times_that_run_backwards_are_left_out() -> None:
    """A duration is never negative."""
    assert "queue" not in told(" a", **TIMES | {"arrival_time_ns": "96735247746000"}).server_ns


def test_the_reason_to_finish_is_kept() -> None:
    """Until there is one the newer backend writes `None`."""
    answer = heard(event(" a", finish_reason="None"), event(" a b", finish_reason="length"))
    assert answer.finish_reason == "length"


def test_the_first_error_is_kept_with_what_came_before() -> None:
    """Under status 200, in both ways."""
    answer = heard(event(" a"), b'data: {"error":"first"}\n\n', b'data: {"error":"second"}\n\n')
    assert (answer.error, answer.chunk_ns) == ("first", [0])
    assert plain(GENERATE, "", b'{"error": ""}').error


def test_a_stream_that_stops_without_the_end_of_its_http_has_not_ended() -> None:
    """There is no other end."""
    answer = streamed(GENERATE, PROMPT.text, event(" a"), cut=True)
    assert (answer.chunk_ns, answer.ended) == ([0], False)
    assert GENERATE.read(Response(status=200, pieces=[(1, b"{")]), "") == Answer()


def test_a_stream_that_is_cut_anywhere_is_truncated() -> None:
    """Half an event is no other fault than the cut itself."""
    whole = captured("triton-2.51.0.generate_stream")
    for end in range(whole.index(b"\r\n\r\n") + 4, len(whole)):
        record = read_exchange(exchange(whole[:end], Outcome.TRUNCATED), asked(), GENERATE)
        assert record.outcome is Outcome.TRUNCATED


@pytest.mark.parametrize(("adapter", "name"), [(GENERATE, "ensemble"), (LLM_API, "tensorrt_llm")])
def test_no_list_of_models_is_asked_for(adapter: Adapter, name: str) -> None:
    """Each way knows the usual name of its model."""
    assert adapter.default_model == name
    assert adapter.models_request() is None
    with pytest.raises(ValueError, match="no list of models"):
        adapter.read_models(b"[]")


@pytest.mark.parametrize(
    "body", [*HOSTILE.values(), b'{"text_output": 7}', b'{"output_log_probs": ' + b"[" * 50_000]
)
def test_what_cannot_be_read_is_a_bad_frame_or_empty(body: bytes) -> None:
    """Alone and in a stream, and what came before it stays."""
    alone, within = plain(GENERATE, "", body), heard(event("a"), b"data: " + body + b"\n\n")
    assert alone.bad_frame or (body == HOSTILE["deep unknown"] and not alone.chunk_ns)
    assert within.chunk_ns == [0]


@FUZZ
@given(
    st.lists(
        jsonish("text_output", "output_log_probs", "num_output_tokens", "num_input_tokens",
                "finish_reason", "error", *TIMES),
        max_size=4,
    ),
    st.binary(max_size=30),
)  # fmt: skip
def test_any_answer_never_raises(bodies: list[object], noise: bytes) -> None:
    """JSON of any shape and bytes of any kind are read as an answer, an error or a bad frame."""
    never_raises(GENERATE, bodies, noise)


@FUZZ
@given(
    st.lists(st.sampled_from(["a", "b", " c", "é", ""]), max_size=8).filter(
        lambda deltas: sum(map(bool, deltas)) > 1
    )
)
def test_both_ways_of_streaming_give_the_same_chunks(deltas: list[str]) -> None:
    """From the second token on it is seen whether a text stands still or is said again."""
    texts = ["".join(deltas[: at + 1]) for at in range(len(deltas))]
    visible = [at for at, delta in enumerate(deltas) if delta]
    assert heard(*map(event, deltas)).chunk_ns == visible
    assert heard(*map(event, texts)).chunk_ns == visible
