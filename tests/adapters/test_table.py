"""Facts about the names for `--backend`."""

import pytest

from inferswarm.adapters.table import ADAPTERS, adapter_for
from inferswarm.errors import InputError


@pytest.mark.parametrize("backend", ADAPTERS)
@pytest.mark.parametrize("api", ["completions", "chat"])
def test_every_backend_has_an_adapter_for_its_routes(backend: str, api: str) -> None:
    """What is listed can be used."""
    assert api in adapter_for(backend, api).apis
    assert ADAPTERS[backend].name == backend
    assert ADAPTERS[backend].sentence.endswith(".")


def test_an_unknown_backend_is_refused_with_the_nearest() -> None:
    """The refusal names option, value, what is allowed, and what was probably meant."""
    with pytest.raises(InputError) as refused:
        adapter_for("vlm", "chat")
    message = str(refused.value)
    assert "target.backend was given 'vlm'" in message
    assert "allowed: openai, vllm" in message
    assert message.endswith("did you mean vllm?")


def test_a_route_that_a_backend_lacks_is_refused() -> None:
    """The refusal names the backend and its routes."""
    with pytest.raises(InputError, match="'embed'; vllm has: completions, chat"):
        adapter_for("vllm", "embed")
