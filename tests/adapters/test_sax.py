"""Facts about SAX behind HTTP: what each of its servers is sent, and the forms of its answers."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.adapters import Adapter, Answer, Wanted
from inferswarm.adapters.sax import OPENAI, PROMPT, QUERY
from inferswarm.framing.http1 import Response
from inferswarm.prompts import Prompt
from tests.adapters.answers import HOSTILE, at_every_split, jsonish, never_raises, plain
from tests.builders import FUZZ, plain_answer

ASKED = Prompt("What is machine learning?")
MODEL = "/sax/test/lm2b"
ALL: list[Adapter] = [QUERY, PROMPT, OPENAI]
LIST = b'[["Machine learning is", -12.3], ["It is", -14.0]]'


def sent(adapter: Adapter, **wanted: object) -> dict[str, object]:
    """The body of the request for what is wanted, not streamed."""
    usual = {"model": MODEL, "stream": False}
    request = adapter.request(ASKED, msgspec.convert(usual | wanted, Wanted))
    assert (request.method, request.path) == ("POST", "/generate")
    return dict(json.loads(request.body))


def test_the_documented_server_is_asked_by_a_query() -> None:
    """What was asked for goes into the extra inputs."""
    assert sent(QUERY, max_output_tokens=5, temperature=0.5, top_p=0.9, top_k=7) == {
        "model": MODEL,
        "query": ASKED.text,
        "extra_inputs": {
            "temperature": 0.5,
            "per_example_max_decode_steps": 5,
            "per_example_top_k": 7,
            "per_example_top_p": 0.9,
        },
    }
    assert sent(QUERY)["extra_inputs"] == {"per_example_max_decode_steps": 128}


def test_further_inputs_stand_beside_ours() -> None:
    """An object of extra inputs is merged; other fields go over ours."""
    extra = {"extra_inputs": {"per_example_top_k": 9}, "query": "other"}
    assert sent(QUERY, top_k=7, extra_body=extra) == {
        "model": MODEL,
        "query": "other",
        "extra_inputs": {"per_example_max_decode_steps": 128, "per_example_top_k": 9},
    }


def test_the_prompt_form_has_the_fields_of_the_older_tool() -> None:
    """Those of the sampling only when they were given."""
    usual = {
        "model": MODEL, "prompt": ASKED.text, "n": 1, "best_of": 1, "use_beam_search": False,
        "max_tokens": 128, "stream": False,
    }  # fmt: skip
    assert sent(PROMPT) == usual
    sampled = {"temperature": 1.0, "top_p": 1.0, "top_k": 50}
    assert sent(PROMPT, **sampled) == usual | sampled
    assert sent(PROMPT, best_of=4, use_beam_search=True)["best_of"] == 4
    assert sent(PROMPT, extra_body={"n": 2})["n"] == 2


def test_the_openai_form_has_openais_fields() -> None:
    """Under the route of the others."""
    usual = {"model": MODEL, "prompt": ASKED.text, "max_tokens": 128, "stream": False}
    assert sent(OPENAI, seed=3) == {**usual, "seed": 3}


@pytest.mark.parametrize("adapter", ALL)
def test_a_stream_is_refused(adapter: Adapter) -> None:
    """The refusal names the remedy; and a model must be named."""
    assert adapter.refusal(Wanted(model=MODEL)).endswith("give --no-stream")
    assert "give --model" in adapter.refusal(Wanted(stream=False))
    assert adapter.refusal(Wanted(model=MODEL, stream=False)) == ""


@pytest.mark.parametrize("name", ["seed", "min_output_tokens", "ignore_eos", "stop"])
def test_what_has_no_name_there_is_refused(name: str) -> None:
    """OpenAI's form has a word for all of it."""
    value = ["x"] if name == "stop" else 1
    given = {"model": MODEL, "stream": False, name: bool(value) if name == "ignore_eos" else value}
    wanted = msgspec.convert(given, Wanted)
    for adapter in (QUERY, PROMPT):
        assert adapter.refusal(wanted) == f"request.{name} is not known there; leave it out"
    assert OPENAI.refusal(wanted) == ""


def test_several_answers_can_only_be_asked_for_in_the_prompt_form() -> None:
    """A query has no word for them, and OpenAI none for beams."""
    wanted = Wanted(model=MODEL, stream=False, best_of=2, use_beam_search=True)
    assert QUERY.refusal(wanted) == (
        "request.best_of and request.use_beam_search are not known there; leave them out"
    )
    assert PROMPT.refusal(wanted) == ""
    assert OPENAI.refusal(wanted)


@pytest.mark.parametrize(
    "body",
    [
        LIST,
        json.dumps(LIST.decode()).encode(),
        b'["Machine learning is"]',
        b'{"text": ["Machine learning is"]}',
        b'{"text": "Machine learning is"}',
        b'{"choices": [{"text": "Machine learning is"}]}',
    ],
    ids=["list", "list as text", "texts", "object of texts", "object of a text", "choices"],
)
@pytest.mark.parametrize("adapter", [QUERY, PROMPT])
def test_a_text_is_found_in_every_form(adapter: Adapter, body: bytes) -> None:
    """At the last read, without a count, at every split."""
    answer = plain(adapter, "", body)
    assert (answer.chunk_ns, answer.streamed, answer.ended) == ([9], False, True)
    assert (answer.output_tokens, answer.count_source) == (None, "")
    assert (answer.error, answer.bad_frame) == ("", "")
    assert at_every_split(adapter, "", plain_answer(body)).chunk_ns == [0]


@pytest.mark.parametrize("adapter", ALL)
def test_openais_answer_tells_counts(adapter: Adapter) -> None:
    """And why it ended."""
    body = {
        "choices": [{"text": " a b", "finish_reason": "length"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    }
    answer = plain(adapter, "", json.dumps(body).encode())
    assert (answer.chunk_ns, answer.input_tokens, answer.output_tokens) == ([9], 5, 2)
    assert (answer.count_source, answer.finish_reason) == ("server_usage", "length")


@pytest.mark.parametrize("body", [b"[]", b'[["", -1.0]]', b"{}", b'{"text": []}', b'{"text": ""}'])
def test_an_answer_without_text_has_no_token(body: bytes) -> None:
    """It is complete and no error."""
    assert plain(QUERY, "", body) == Answer(ended=True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "no replica"}, "no replica"),
        ({"error": "deadline"}, "deadline"),
        ({"error": {"message": "deadline"}}, "deadline"),
        ({"detail": [{"loc": ["body", "query"], "msg": "field required"}, 7]},
         "body.query: field required"),
        ({"detail": []}, "error object without a message"),
        ({"detail": [{"loc": 3}]}, "3: None"),
    ],
)  # fmt: skip
def test_an_error_under_a_status_of_success_is_the_answers_error(body: object, said: str) -> None:
    """In FastAPI's forms and others."""
    answer = plain(QUERY, "", json.dumps(body).encode())
    assert (answer.error, answer.chunk_ns) == (said, [])


@pytest.mark.parametrize("adapter", ALL)
def test_a_cut_answer_is_not_read(adapter: Adapter) -> None:
    """Half of a body says nothing."""
    assert adapter.read(Response(status=200, pieces=[(1, LIST)]), "") == Answer()


def test_no_list_of_models_is_asked_for() -> None:
    """The model must be given."""
    assert ALL[0].models_request() is None
    with pytest.raises(ValueError, match="no list of models"):
        QUERY.read_models(b"[]")


@pytest.mark.parametrize(
    "body", [*HOSTILE.values(), b'[["a"]]', b'{"text": 7}', b'"[["', b"", b'{"choices": 7}']
)
@pytest.mark.parametrize("adapter", [QUERY, PROMPT])
def test_what_cannot_be_read_is_a_bad_frame_or_empty(adapter: Adapter, body: bytes) -> None:
    """Nothing of it is a token."""
    answer = plain(adapter, "", body)
    assert answer.chunk_ns == []
    assert answer.bad_frame or body == HOSTILE["deep unknown"]


@FUZZ
@given(
    st.lists(jsonish("choices", "text", "error", "detail", "usage", "msg", "loc"), max_size=4),
    st.binary(max_size=30),
)
def test_any_answer_never_raises(bodies: list[object], noise: bytes) -> None:
    """JSON of any shape and bytes of any kind are read as an answer, an error or a bad frame."""
    for adapter in ALL:
        never_raises(adapter, [*bodies, json.dumps(bodies)], noise)
