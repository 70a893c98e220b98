"""Facts about the names for `--backend`, and about what may be asked of each."""

import pytest

from inferswarm.adapters import Wanted
from inferswarm.adapters.table import BACKENDS, route, wanted
from inferswarm.config.target import RequestOptions
from inferswarm.errors import InputError

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
