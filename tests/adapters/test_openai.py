"""Facts about OpenAI's format: what is sent, and what each kind of answer says."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.adapters import Answer, Wanted
from inferswarm.adapters.openai import CHAT, COMPLETIONS
from inferswarm.framing.http1 import Response, read_response
from inferswarm.prompts import Message, Prompt
from tests.builders import CAPTURES, FUZZ, plain_answer, stream_answer, tape

PROMPT = Prompt('say "hi"\n', 3)
DONE = b"data: [DONE]\n\n"


def sent(api: str = "completions", **wanted: object) -> tuple[str, str, dict[str, object]]:
    """Method, path and body of the request for what is wanted."""
    adapter = CHAT if api == "chat" else COMPLETIONS
    request = adapter.request(PROMPT, msgspec.convert(wanted, Wanted))
    return request.method, request.path, json.loads(request.body)


def chunk(**content: object) -> bytes:
    """An event with one chat choice that has these fields of a delta."""
    return b"data: " + json.dumps({"choices": [{"delta": content}]}).encode() + b"\n\n"


def usage(**counts: object) -> bytes:
    """The event with the usage."""
    return b"data: " + json.dumps({"choices": [], "usage": counts}).encode() + b"\n\n"


def streamed(*payloads: bytes) -> Answer:
    """A streamed answer with each payload in a read of its own, read i at instant i."""
    whole = stream_answer(*payloads)
    reads, at = [], 0
    for payload in payloads:
        end = whole.index(payload, at) + len(payload)
        reads.append(whole[at:end])
        at = end
    reads.append(whole[at:])
    return CHAT.read(read_response(tape(enumerate(reads)), closed=False), PROMPT.text)


def plain(body: bytes) -> Answer:
    """A plain answer in one read at instant 9."""
    return CHAT.read(read_response(tape([(9, plain_answer(body))]), closed=False), PROMPT.text)


def test_a_completions_request_asks_for_everything_that_is_wanted() -> None:
    """Nothing is sent that was not asked for, and usage is asked for in streams."""
    assert sent(model="m", max_output_tokens=5) == (
        "POST",
        "/v1/completions",
        {
            "model": "m",
            "prompt": PROMPT.text,
            "max_tokens": 5,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    )


def test_a_chat_request_has_one_message_of_the_user() -> None:
    """A plain chat request with every option of its own."""
    assert sent(
        api="chat", stream=False, ignore_eos=True, temperature=0.0, extra_body={"top_k": 1}
    ) == (
        "POST",
        "/v1/chat/completions",
        {
            "model": "",
            "messages": [{"role": "user", "content": PROMPT.text}],
            "max_tokens": 128,
            "ignore_eos": True,
            "temperature": 0,
            "stream": False,
            "top_k": 1,
        },
    )


def test_extra_fields_win_over_ours() -> None:
    """Who sets a field by hand means it."""
    assert sent(extra_body={"max_tokens": 9, "model": "other"})[2]["max_tokens"] == 9


CAPTURED = {
    # name: tokens told in and out, source, chunks with tokens, finish reason
    "vllm-0.32.0.chat.plain": (17, 8, "server_usage", 1, "length"),
    "vllm-0.32.0.chat.stream": (17, 8, "server_usage", 8, "length"),
    "vllm-0.32.0.chat.stream-nousage": (None, None, "", 4, "length"),
    "vllm-0.32.0.completions.plain": (7, 8, "server_usage", 1, "length"),
    "vllm-0.32.0.completions.stream": (7, 8, "server_usage", 8, "length"),
    "vllm-0.32.0.completions.stream-nousage": (None, None, "", 4, "length"),
    "llama-cpp-python-0.3.36.chat.plain": (17, 8, "server_usage", 1, "length"),
    "llama-cpp-python-0.3.36.chat.stream": (None, None, "", 7, "length"),
    "llama-cpp-python-0.3.36.chat.stream-nousage": (None, None, "", 3, "length"),
    "llama-cpp-python-0.3.36.completions.plain": (7, 8, "server_usage", 1, "length"),
    "llama-cpp-python-0.3.36.completions.stream": (None, None, "", 8, "length"),
    "llama-cpp-python-0.3.36.completions.stream-nousage": (None, None, "", 4, "length"),
}


@pytest.mark.parametrize("name", CAPTURED)
def test_recorded_answers_say_what_they_say(name: str) -> None:
    """Counts, source, chunks and finish reason of every recorded 200 of two servers."""
    recorded = tape([(9, (CAPTURES / f"{name}.http").read_bytes())])
    answer = CHAT.read(read_response(recorded, closed=False), PROMPT.text)
    assert CAPTURED[name] == (
        answer.input_tokens,
        answer.output_tokens,
        answer.count_source,
        len(answer.chunk_ns),
        answer.finish_reason,
    )
    assert answer.streamed is (".stream" in name)
    assert answer.ended
    assert (answer.error, answer.bad_frame) == ("", "")


def test_chunks_have_the_time_of_their_read() -> None:
    """Role-only and empty chunks are no token, whatever comes with them."""
    answer = streamed(
        chunk(role="assistant"),
        chunk(role="assistant", content=""),
        chunk(content="a"),
        chunk(content=None),
        chunk(content="b"),
        chunk(),
        DONE,
    )
    assert answer.chunk_ns == [2, 4]
    assert answer.ended
    assert answer.finish_reason == ""


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_chunks_are_tokens_before_the_answer(name: str) -> None:
    """Under both of its names reasoning counts as tokens, and apart from the answer's."""
    answer = streamed(chunk(**{name: "hm"}), chunk(**{name: "so"}), chunk(content="a"), DONE)
    assert answer.chunk_ns == [0, 1, 2]
    assert answer.reasoning_chunks == 2


def test_a_chunk_that_reasons_and_answers_is_of_the_answer() -> None:
    """The first chunk with any text of the answer ends the reasoning, whatever follows."""
    answer = streamed(
        chunk(reasoning="hm"), chunk(reasoning="so", content="a"), chunk(reasoning="or"), DONE
    )
    assert (len(answer.chunk_ns), answer.reasoning_chunks) == (3, 1)


def test_tool_calls_are_tokens() -> None:
    """A model that only calls a tool has answered."""
    call = [{"index": 0, "function": {"name": "f", "arguments": "{"}}]
    assert streamed(chunk(tool_calls=call), chunk(tool_calls=[]), DONE).chunk_ns == [0]


def test_the_last_usage_counts() -> None:
    """Servers that repeat a running usage end with the right one."""
    answer = streamed(
        chunk(content="a"),
        usage(prompt_tokens=4, completion_tokens=1),
        usage(prompt_tokens=4, completion_tokens=3),
        DONE,
    )
    assert (answer.input_tokens, answer.output_tokens) == (4, 3)


def test_a_usage_without_an_output_still_names_the_source_of_the_input() -> None:
    """A count of the prompt alone is the server's too."""
    answer = streamed(chunk(content="a"), usage(prompt_tokens=4), DONE)
    assert (answer.input_tokens, answer.count_source) == (4, "server_usage")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (b'{"error": {"message": "out of memory", "code": 500}}', "out of memory"),
        (b'{"error": {"code": 500}}', "{'code': 500}"),
        (b'{"error": "out of memory"}', "out of memory"),
        (b'{"object": "error", "message": "out of memory"}', "out of memory"),
        (b'{"object": "error"}', "error object without a message"),
        (b'{"error": []}', "error object without a message"),
    ],
)
def test_an_error_object_is_the_answers_error(event: bytes, said: str) -> None:
    """In each of its forms, in a stream and alone, and what came before it stays."""
    answer = streamed(chunk(content="a"), b"data: " + event + b"\n\n", DONE)
    assert (answer.error, answer.chunk_ns) == (said, [0])
    assert plain(event).error == said


def test_the_first_error_is_kept() -> None:
    """What follows an error is its consequence."""
    first, second = (b'data: {"error": "%s"}\n\n' % word for word in (b"first", b"second"))
    assert streamed(first, second).error == "first"


def test_a_stream_without_its_end_has_not_ended() -> None:
    """Neither a finish reason nor the marker: somebody hung up."""
    assert not streamed(chunk(content="a")).ended
    assert not streamed().ended


def test_half_json_is_a_bad_frame() -> None:
    """The answer says what could not be read, and keeps what could."""
    answer = streamed(chunk(content="a"), b'data: {"choices": [{"del\n\n', DONE)
    assert '{"choices": [{"del' in answer.bad_frame
    assert answer.chunk_ns == [0]


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b"", b"[]", b"7", b'{"choices": 7}', b"\xff"]
)
def test_a_plain_answer_that_is_no_such_object_is_a_bad_frame(body: bytes) -> None:
    """A proxy's page under status 200 is not an answer."""
    assert plain(body).bad_frame
    assert plain(body).chunk_ns == []


def test_a_plain_answer_carries_its_tokens_at_its_last_read() -> None:
    """Whatever was asked for, JSON is read as a plain answer."""
    answer = plain(b'{"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}')
    assert (answer.chunk_ns, answer.finish_reason, answer.streamed) == ([9], "stop", False)


def test_a_cut_plain_answer_is_not_read() -> None:
    """Half of a body says nothing."""
    assert CHAT.read(Response(status=200, pieces=[(1, b"{")]), "") == Answer()


@pytest.mark.parametrize(
    "hostile",
    [
        b'{"error": ' + b"[" * 20_000,
        b'{"x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"choices": [{"delta": {"tool_calls": ' + b"[" * 20_000,
        b'{"error": {"message": "\\ud800"}}',
        b'{"choices": [{"text": "\xff"}]}',
    ],
    ids=["deep error", "deep unknown", "deep tool call", "lone surrogate", "not UTF-8"],
)
def test_hostile_json_never_raises(hostile: bytes) -> None:
    """Nesting without end and text that is none are an error or a bad frame."""
    for answer in (plain(hostile), streamed(b"data: " + hostile + b"\n\n")):
        assert answer.bad_frame or answer.error


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["choices", "delta", "message", "text", "content", "usage", "error",
                         "object", "completion_tokens", "finish_reason", "tool_calls"]),
        inner,
        max_size=4,
    ),
)  # fmt: skip


@FUZZ
@given(st.lists(JSONISH, max_size=4), st.binary(max_size=30))
def test_any_answer_never_raises(bodies: list[object], noise: bytes) -> None:
    """JSON of any shape and bytes of any kind are read as an answer, an error or a bad frame."""
    encoded = [json.dumps(body).encode() for body in bodies]
    stream = b"".join(b"data: " + one + b"\n\n" for one in [*encoded, noise])
    answers = [plain(one) for one in [*encoded, noise]]
    told = Response(200, {"content-type": "text/event-stream"}, 1, [(1, stream)], complete=True)
    answers.append(CHAT.read(told, ""))
    assert all(isinstance(answer, Answer) for answer in answers)


def test_models_are_read_from_a_recorded_list() -> None:
    """The names that a server lists, in its order."""
    recorded = tape([(0, (CAPTURES / "vllm-0.32.0.models.http").read_bytes())])
    assert CHAT.read_models(read_response(recorded, closed=False).body) == ["tiny"]
    request = CHAT.models_request()
    assert (request.method, request.path, request.body) == ("GET", "/v1/models", b"")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"7", b'{"data": 7}', b'{"data": [{}]}', b'{"data": "x"}', b"\xff"]
)
def test_what_is_no_list_of_models_is_refused(body: bytes) -> None:
    """The refusal shows what came instead."""
    with pytest.raises(ValueError, match=r"."):
        CHAT.read_models(body)


def test_a_chat_is_sent_what_was_said_before() -> None:
    """Messages in their order, the prompt last; a completion knows no history."""
    history = [Message("system", "Be brief."), Message("user", "a"), Message("assistant", "b")]
    request = CHAT.request(Prompt("c", history=history), Wanted())
    assert json.loads(request.body)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]


def test_a_reply_leaves_reasoning_and_tool_calls_out() -> None:
    """Clients repeat what was said, not what was thought; and of several choices the first."""
    second = b'data: {"choices":[{"index":1,"delta":{"content":"no"}}]}\n\n'
    parts = [
        chunk(role="assistant", content=""),
        chunk(reasoning="hm"),
        chunk(content=" one"),
        second,
        chunk(tool_calls=[{"function": {"name": "f"}}]),
        chunk(content=" two"),
        DONE,
    ]
    answer = stream_answer(*parts)
    assert CHAT.reply(read_response(tape([(1, answer)]), closed=False)) == " one two"


def test_a_reply_is_taken_from_answers_of_every_kind() -> None:
    """A plain chat answer, a plain completion, a cut stream; what is no answer says nothing."""
    chat = plain_answer(b'{"choices":[{"message":{"reasoning":"hm","content":"yes"}}]}')
    text = plain_answer(b'{"choices":[{"text":"yes"},{"index":1,"text":"no"}]}')
    for whole, said in ((chat, "yes"), (text, "yes"), (plain_answer(b"[]"), "")):
        assert CHAT.reply(read_response(tape([(1, whole)]), closed=False)) == said
