"""Facts about the names for `--backend`, and about what may be asked of each."""

import pytest

from inferswarm.adapters import Wanted
from inferswarm.adapters.table import BACKENDS, check_prompts, route, wanted
from inferswarm.config.target import RequestOptions
from inferswarm.errors import InputError
from inferswarm.prompts import Prompt

ROUTES = [(backend.name, api) for backend in BACKENDS.values() for api in backend.apis]


@pytest.mark.parametrize(("backend", "api"), ROUTES)
def test_every_route_can_be_used(backend: str, api: str) -> None:
    """What is listed can be chosen, and takes a request without further options, streamed or not."""
    way = route(backend, api)
    assert (way.backend, way.api, way.adapter) == (backend, api, BACKENDS[backend].apis[api])
    assert BACKENDS[backend].sentence.endswith(".")
    refusals = [way.adapter.refusal(Wanted(model="m", stream=stream)) for stream in (True, False)]
    assert "" in refusals


def test_without_a_route_it_is_the_first() -> None:
    """The usual one needs no word."""
    assert route("vllm").api == "completions"


def test_an_unknown_backend_is_refused_with_the_nearest() -> None:
    """The refusal names option, value, what is allowed, and what was probably meant."""
    with pytest.raises(InputError) as refused:
        route("vlm", "chat")
    message = str(refused.value)
    assert "target.backend was given 'vlm'" in message
    assert "allowed: openai, vllm" in message
    assert message.endswith("did you mean vllm?")


def test_a_route_that_a_backend_lacks_is_refused() -> None:
    """The refusal names the backend and its routes."""
    with pytest.raises(InputError, match="'embed'; openai has: completions, chat"):
        route("openai", "embed")


def test_what_a_server_would_reject_is_refused_before_the_run() -> None:
    """The refusal names route and option."""
    asked = RequestOptions(use_beam_search=True, best_of=4)
    with pytest.raises(InputError, match=r"openai chat: request\.use_beam_search is not known"):
        wanted(asked, route("openai", "chat"), "m", stream=False)


@pytest.mark.parametrize(("backend", "api"), ROUTES)
def test_token_ids_are_sent_where_they_are_taken_and_refused_elsewhere(
    backend: str, api: str
) -> None:
    """Never dropped without a word; a prompt that has a text too goes as text."""
    way, ids = route(backend, api), Prompt(ids=[71, 72, 73])
    if way.adapter.takes_ids:
        check_prompts([ids], way)
        body = way.adapter.request(ids, Wanted(model="m")).body
        assert b"[71,72,73]" in body
    else:
        with pytest.raises(InputError, match=f"{backend} {api} takes no token ids.*openai comp"):
            check_prompts([Prompt("x"), ids], way)
    check_prompts([Prompt("x", ids=[1])], way)


def test_the_routes_that_take_token_ids_are_known() -> None:
    """The /generate of vLLM is none: it fails on a prompt whose text it cannot repeat."""
    takers = [(one, api) for one, api in ROUTES if route(one, api).adapter.takes_ids]
    assert takers == [
        ("openai", "completions"),
        ("vllm", "completions"),
        ("sglang", "generate"),
        ("sglang", "completions"),
    ]


@pytest.mark.parametrize(("backend", "api"), ROUTES)
def test_every_route_asks_for_the_length_that_a_prompt_has(backend: str, api: str) -> None:
    """In place of the run's."""
    way = route(backend, api)
    asked = Wanted(model="m", max_output_tokens=77, stream=backend != "sax")
    usual = way.adapter.request(Prompt("x"), asked).body
    other = way.adapter.request(Prompt("x"), asked.of_length(99)).body
    if api != "grpc":
        assert usual.count(b"77") == other.count(b"99") == 1
    assert usual != other


def test_a_length_of_its_own_is_never_below_the_least() -> None:
    """A lower bound goes down with it, and stays where none is given."""
    asked = Wanted(max_output_tokens=100, min_output_tokens=50)
    assert asked.of_length(None) is asked
    assert asked.of_length(20) == Wanted(max_output_tokens=20, min_output_tokens=20)
    assert asked.of_length(80) == Wanted(max_output_tokens=80, min_output_tokens=50)


def test_only_chats_are_sent_messages() -> None:
    """Every other route gets a conversation as one text."""
    taken = {
        (backend.name, api)
        for backend in BACKENDS.values()
        for api in backend.apis
        if route(backend.name, api).takes_messages
    }
    chats = ("openai", "vllm", "tgi", "sglang", "tensorrt_llm_triton")
    assert taken == {(backend, "chat") for backend in chats}
