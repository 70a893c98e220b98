"""Facts about Text Generation Inference: what is sent, and what events, bodies and headers say."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.adapters import Adapter, Answer, HttpRequest, Wanted
from inferswarm.adapters.tgi import CHAT, COMPLETIONS, GENERATE, TgiOpenAI
from inferswarm.framing.http1 import Response, read_response
from inferswarm.prompts import Prompt
from tests.builders import FUZZ, MS, plain_answer, splits, stream_answer, tape

PROMPT = Prompt("San Francisco is a")
OPENAI = [CHAT, COMPLETIONS]


def event(text: str = "", *, special: bool = False, **fields: object) -> bytes:
    """One token's event, as the router writes it: no space after `data:`."""
    token = {"id": 7, "text": text, "logprob": -0.5, "special": special}
    body = {"index": 1, "token": token, "generated_text": None, "details": None, **fields}
    return b"data:" + json.dumps(body).encode() + b"\n\n"


def last(text: str = "", *, tokens: int, special: bool = False) -> bytes:
    """The last event, with the whole text and the details."""
    details = {"finish_reason": "eos_token", "generated_tokens": tokens, "input_length": 5}
    return event(text, special=special, generated_text="all of it", details=details)


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


def plain(body: bytes, headers: bytes = b"") -> Answer:
    """A plain answer in one read at instant 9."""
    whole = plain_answer(body).replace(b"\r\n\r\n", b"\r\n" + headers + b"\r\n", 1)
    return GENERATE.read(read_response(tape([(9, whole)]), closed=False), PROMPT.text)


def sent(wanted: Wanted) -> tuple[str, dict[str, object]]:
    """Path and parameters of a native request."""
    request = GENERATE.request(PROMPT, wanted)
    body = json.loads(request.body)
    assert request.method == "POST"
    assert body["inputs"] == PROMPT.text
    return request.path, body["parameters"]


def test_a_request_asks_for_details_and_little_else() -> None:
    """Each way has its path; nothing else is sent that was not asked for."""
    usual = {"max_new_tokens": 5, "details": True}
    assert sent(Wanted(max_output_tokens=5)) == ("/generate_stream", usual)
    assert sent(Wanted(max_output_tokens=5, stream=False)) == ("/generate", usual)


def test_everything_that_the_server_knows_is_sent() -> None:
    """A temperature of 1 samples only when sampling is asked for by name."""
    wanted = Wanted(
        stream=False, temperature=1.0, top_p=0.9, top_k=5, seed=3, best_of=1, stop=("x",)
    )
    assert sent(wanted)[1] == {
        "max_new_tokens": 128, "details": True, "do_sample": True, "temperature": 1.0,
        "top_p": 0.9, "top_k": 5, "seed": 3, "best_of": 1, "stop": ["x"],
    }  # fmt: skip


def test_a_temperature_of_zero_is_greedy() -> None:
    """The server rejects the number, and would sample for the other two."""
    parameters = sent(Wanted(temperature=0.0, top_p=0.9, top_k=5))[1]
    assert parameters == {"max_new_tokens": 128, "details": True, "do_sample": False}


def test_a_top_p_of_one_is_left_out() -> None:
    """The server rejects it, and it changes nothing."""
    assert sent(Wanted(top_p=1.0))[1] == {"max_new_tokens": 128, "details": True}
    for adapter in OPENAI:
        assert "top_p" not in json.loads(adapter.request(PROMPT, Wanted(top_p=1.0)).body)


def test_the_best_of_several_is_sampled() -> None:
    """The server wants sampling for it."""
    parameters = sent(Wanted(best_of=2, stream=False))[1]
    assert (parameters["best_of"], parameters["do_sample"]) == (2, True)


def test_further_parameters_are_merged_into_ours() -> None:
    """Other fields go beside them."""
    extra = {"parameters": {"truncate": 9, "details": False}, "x": 1}
    request = GENERATE.request(PROMPT, Wanted(extra_body=extra))
    assert json.loads(request.body) == {
        "inputs": PROMPT.text,
        "parameters": {"max_new_tokens": 128, "details": False, "truncate": 9},
        "x": 1,
    }


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted(best_of=2), "--no-stream"),
        (Wanted(best_of=2, stream=False, seed=1), "--request-seed"),
        (Wanted(best_of=2, stream=False, temperature=0.0), "--temperature 0"),
        (Wanted(ignore_eos=True), "leave it out"),
        (Wanted(min_output_tokens=3), "leave it out"),
        (Wanted(use_beam_search=True), "leave it out"),
        (Wanted(best_of=2, stream=False), ""),
        (Wanted(temperature=0.0, top_p=1.0, top_k=4, seed=2), ""),
    ],
)
def test_what_the_router_rejects_is_refused(wanted: Wanted, why: str) -> None:
    """Each refusal names its remedy."""
    refusal = GENERATE.refusal(wanted)
    assert why in refusal
    assert bool(refusal) is bool(why)


@pytest.mark.parametrize("adapter", OPENAI, ids=["chat", "completions"])
def test_openai_routes_refuse_what_they_would_skip(adapter: TgiOpenAI) -> None:
    """The server says nothing about fields that it does not know."""
    for name in ("top_k", "ignore_eos", "min_output_tokens", "use_beam_search", "usage_per_chunk"):
        assert f"request.{name}" in adapter.refusal(
            msgspec.convert({name: 1}, Wanted, strict=False)
        )
    assert "request.best_of" in adapter.refusal(Wanted(best_of=2, stream=False))
    assert adapter.refusal(Wanted(temperature=0.0, seed=1)) == ""


def test_completions_stream_without_stream_options() -> None:
    """They know none, and send the usage with the last chunk anyway."""
    wanted = Wanted(model="tgi", extra_body={"suffix": "x"})
    request = COMPLETIONS.request(PROMPT, wanted)
    assert request.path == "/v1/completions"
    assert json.loads(request.body) == {
        "model": "tgi", "prompt": PROMPT.text, "max_tokens": 128, "stream": True, "suffix": "x",
    }  # fmt: skip
    assert json.loads(CHAT.request(PROMPT, wanted).body)["stream_options"] == {
        "include_usage": True
    }
    plain_request = COMPLETIONS.request(PROMPT, Wanted(stream=False))
    assert json.loads(plain_request.body)["stream"] is False


def test_openai_routes_name_the_model_that_is_no_adapter() -> None:
    """Any other name would be looked up as a LoRA adapter."""
    assert [one.default_model for one in OPENAI] == ["tgi", "tgi"]
    assert GENERATE.default_model == ""


def test_completions_read_the_usage_of_their_last_chunk() -> None:
    """It stands beside text, with neither a chunk of its own nor `choices: []`."""
    events = [
        {"choices": [{"index": 0, "text": " a", "finish_reason": ""}]},
        {
            "choices": [{"index": 0, "text": " b", "finish_reason": "length"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        },
    ]
    payloads = [b"data: " + json.dumps(one).encode() + b"\n\n" for one in events]
    recorded = tape([(4, stream_answer(*payloads, b"data: [DONE]\n\n"))])
    answer = COMPLETIONS.read(read_response(recorded, closed=False), PROMPT.text)
    assert (len(answer.chunk_ns), answer.input_tokens, answer.output_tokens) == (2, 5, 2)
    assert (answer.finish_reason, answer.chunk_tokens, answer.ended) == ("length", [], True)


def test_a_stream_counts_a_token_an_event() -> None:
    """The last event repeats the whole text and has the counts; comments are none."""
    answer = streamed(event(" a"), b":\n\n", event(" b"), last(" c", tokens=3))
    assert (answer.chunk_ns, answer.chunk_tokens) == ([0, 2, 3], [1, 1, 1])
    assert (answer.input_tokens, answer.output_tokens) == (5, 3)
    assert (answer.count_source, answer.finish_reason) == ("server_meta", "eos_token")
    assert (answer.streamed, answer.ended, answer.error, answer.bad_frame) == (True, True, "", "")


def test_special_tokens_are_no_text() -> None:
    """They count as tokens, but are no chunk that a user sees."""
    answer = streamed(event(" a"), last("</s>", tokens=2, special=True))
    assert (answer.chunk_ns, answer.chunk_tokens, answer.output_tokens) == ([0], [1], 2)


def test_tokens_without_text_belong_to_the_chunk_that_shows_them() -> None:
    """Half a character has no text until its other half comes."""
    answer = streamed(event(" a"), event(""), last("é", tokens=3))
    assert (answer.chunk_ns, answer.chunk_tokens) == ([0, 2], [1, 2])


def test_without_details_events_are_counted() -> None:
    """Every event has the id of its token."""
    answer = streamed(event(" a"), event(" b", generated_text=" a b"))
    assert (answer.output_tokens, answer.count_source, answer.ended) == (2, "token_ids", True)
    assert answer.input_tokens is None


def test_a_count_that_differs_from_the_events_leaves_their_share_open() -> None:
    """Then an event was not one token."""
    answer = streamed(event(" a"), last(" b c", tokens=3))
    assert (answer.chunk_ns, answer.chunk_tokens, answer.output_tokens) == ([0, 1], [], 3)


def test_a_stream_without_its_last_event_was_cut() -> None:
    """There is no other marker."""
    assert not streamed(event(" a"), event(" b")).ended
    assert not streamed().ended


def test_errors_come_under_status_200() -> None:
    """What came before them stays; the first one is kept."""
    error = b'data:{"error":"Model is overloaded","error_type":"overloaded"}\n\n'
    answer = streamed(event(" a"), error, error.replace(b"Model", b"It"))
    assert (answer.error, answer.chunk_ns, answer.ended) == ("Model is overloaded", [0], False)
    assert plain(b'{"error":"busy","error_type":"x"}').error == "busy"


def test_any_split_says_the_same() -> None:
    """However the bytes of a stream were cut."""
    whole = stream_answer(event(" é") + last("</s>", tokens=2, special=True))
    for pieces in splits(whole):
        answer = GENERATE.read(read_response(tape(enumerate(pieces)), closed=False), "")
        assert (len(answer.chunk_ns), answer.output_tokens, answer.ended) == (1, 2, True)
        assert answer.bad_frame == ""


HEADERS = (
    b"x-compute-time: 0.9\r\nx-total-time: 905\r\nx-validation-time: 1\r\nx-queue-time: 4\r\n"
    b"x-inference-time: 900\r\nx-prompt-tokens: 5\r\nx-generated-tokens: 128\r\n"
)


def test_headers_tell_counts_and_times_without_details() -> None:
    """Milliseconds and whole numbers."""
    answer = plain(b'{"generated_text": " city in"}', HEADERS)
    assert (answer.chunk_ns, answer.streamed, answer.ended) == ([9], False, True)
    assert (answer.input_tokens, answer.output_tokens) == (5, 128)
    assert answer.count_source == "server_meta"
    assert answer.server_ns == {"queue": 4 * MS, "total": 905 * MS}


def test_details_tell_counts_without_headers() -> None:
    """A proxy may take headers away."""
    details = {"finish_reason": "length", "generated_tokens": 3, "tokens": [{"id": 1}]}
    answer = plain(json.dumps({"generated_text": "x", "details": details}).encode())
    assert (answer.output_tokens, answer.finish_reason) == (3, "length")
    assert answer.server_ns == {}


@pytest.mark.parametrize(
    "value", [b"-1", b"x", b"", b"1e3", b"9" * 5000, b"99999999999", b"9999999999", b"\xb2"]
)
def test_a_header_that_is_no_count_is_skipped(value: bytes) -> None:
    """No header makes an answer unreadable."""
    headers = b"x-generated-tokens: %s\r\nx-queue-time: %s\r\n" % (value, value)
    answer = plain(b'{"generated_text": "x"}', headers)
    assert (answer.output_tokens, answer.server_ns, answer.chunk_ns) == (None, {}, [9])


def test_an_empty_text_is_no_chunk() -> None:
    """The answer was only its end token."""
    assert plain(b'{"generated_text": ""}').chunk_ns == []


def test_a_cut_plain_answer_is_not_read() -> None:
    """Half of a body says nothing."""
    assert GENERATE.read(Response(status=200, pieces=[(1, b"{")]), "") == Answer()


@pytest.mark.parametrize("adapter", [GENERATE, *OPENAI], ids=["generate", "chat", "completions"])
def test_the_model_is_read_from_the_info(adapter: Adapter) -> None:
    """Every version has that page."""
    assert adapter.models_request() == HttpRequest("GET", "/info")
    assert adapter.read_models(b'{"model_id": "m", "max_input_tokens": 3}') == ["m"]
    with pytest.raises(ValueError, match="model"):
        adapter.read_models(b'{"data": []}')


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["token", "text", "special", "generated_text", "details", "error",
                         "generated_tokens", "input_length", "finish_reason"]),
        inner,
        max_size=4,
    ),
)  # fmt: skip


@FUZZ
@given(st.lists(JSONISH, max_size=4), st.binary(max_size=30), st.text(max_size=8))
def test_any_answer_never_raises(bodies: list[object], noise: bytes, header: str) -> None:
    """JSON of any shape and bytes of any kind are read as an answer, an error or a bad frame."""
    encoded = [json.dumps(body).encode() for body in bodies]
    stream = b"".join(b"data:" + one + b"\n\n" for one in [*encoded, noise])
    headers = {"x-generated-tokens": header, "x-total-time": header}
    told = [Response(200, headers, 1, [(1, one)], complete=True) for one in [*encoded, noise]]
    told.append(Response(200, {"content-type": "text/event-stream"}, 1, [(1, stream)]))
    assert all(isinstance(GENERATE.read(one, ""), Answer) for one in told)


@pytest.mark.parametrize(
    "hostile",
    [b'{"error": ' + b"[" * 50_000, b'{"token": ' + b"[" * 50_000, b'{"token": {"text": "\xff"}}',
     b'{"details": {"generated_tokens": -1}}', b'{"details": {"generated_tokens": 1e99}}', b"<html>"],
    ids=["deep error", "deep token", "not UTF-8", "negative", "huge", "no JSON"],
)  # fmt: skip
def test_what_cannot_be_read_is_a_bad_frame(hostile: bytes) -> None:
    """Alone and in a stream."""
    assert plain(hostile).bad_frame
    assert streamed(event(" a"), b"data:" + hostile + b"\n\n").bad_frame
